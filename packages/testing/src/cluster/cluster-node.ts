// SPDX-License-Identifier: Apache-2.0
/** One server of a test's cluster, wherever it runs: what it is told, and what can be done to it. */

import type { DialectOptions, NodeOptions } from "@conclave/server/node";

/** What a node is told at each of its starts; plain values, so that a process can be told it too. */
export interface NodeStart {
  readonly node: number;
  /** HOST:PORT where the others believe that it is. */
  readonly address: string;
  readonly members: readonly { readonly node: number; readonly address: string }[];
  readonly dataDirectory: string;
  readonly partitionCount: number;
  readonly dialects: DialectOptions;
  /** From what the others are called to where this node dials them. */
  readonly routes: Readonly<Record<string, string>>;
}

export interface ClusterNode {
  /** Resolves with the port that it listens on. */
  start(): Promise<number>;
  /** Resolves when it is gone, without having told anybody. */
  kill(): Promise<void>;
  /** Resolves when it has stopped in order. */
  stop(): Promise<void>;
  /** As SIGSTOP. @throws where a node is not a process */
  pause(): void;
  /** As SIGCONT. */
  resume(): void;
  /** What it has said of itself, for the messages of failed tests. */
  log(): string;
}

/** The server's own options; it listens on a port that is free, for the network knows where. */
export function optionsOf(start: NodeStart, log: NodeOptions["log"]): NodeOptions {
  const { routes, ...told } = start;
  return {
    ...told,
    ...{
      host: "127.0.0.1",
      port: 0,
      join: [],
      clusterToken: undefined,
      corsOrigins: [],
      consoleDirectory: undefined,
    },
    version: "test",
    route: (address) => routes[address] ?? address,
    log,
  };
}
