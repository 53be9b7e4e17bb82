// SPDX-License-Identifier: Apache-2.0
/** A server in the process of the test itself: quick to start, and seen by a debugger. */

import { type StartedNode, startNode } from "@conclave/server/node";
import { type ClusterNode, type NodeStart, optionsOf } from "./cluster-node.ts";
import { LogTail } from "./log-tail.ts";

/** @param ended called with why when the server cannot go on. */
export function createLocalNode(start: NodeStart, ended: (why: string) => void): ClusterNode {
  const tail = new LogTail();
  let running: StartedNode | undefined;
  const stop = async (graceMs?: number): Promise<void> => {
    const stopping = running;
    running = undefined;
    await stopping?.stop(graceMs);
  };
  return {
    async start() {
      const started = await startNode(
        optionsOf(start, (level, message) => tail.add(`${level}: ${message}\n`)),
      );
      if (started.kind === "failed") {
        throw new Error(`node ${start.node} did not start: ${started.reason}: ${started.detail}`);
      }
      running = started;
      void started.failed.then(({ reason, detail }) => ended(`${reason}: ${detail}\n${tail.text}`));
      return Number(new URL(started.url).port);
    },
    kill: () => stop(0),
    stop: () => stop(),
    pause() {
      throw new Error("a node in the test's own process cannot be paused: start with processes");
    },
    resume() {},
    log: () => tail.text,
  };
}
