// SPDX-License-Identifier: Apache-2.0
/** The older protocols S0 to S4, put on a router: those that the configuration has served. */

import type { DescService } from "@bufbuild/protobuf";
import * as s0 from "@conclave/api/s0";
import * as s1 from "@conclave/api/s1";
import * as s2 from "@conclave/api/s2";
import * as s3 from "@conclave/api/s3";
import * as s4 from "@conclave/api/s4";
import type { Clock } from "@conclave/base";
import type { ConnectRouter } from "@connectrpc/connect";
import type { ElectionNode } from "../replica/election-node.ts";
import { CarrierSessions } from "./carrier-sessions.ts";
import type { DialectName, DialectOptions } from "./dialect-options.ts";
import type { DialectServices } from "./dialect-service.ts";
import { registerS0 } from "./s0.ts";
import { registerS1 } from "./s1.ts";
import { registerS2 } from "./s2.ts";
import { registerS3 } from "./s3.ts";
import { registerS4 } from "./s4.ts";

export interface DialectServicesOptions {
  readonly node: ElectionNode;
  readonly clock: Clock;
  readonly dialects: DialectOptions;
  /** A random 64-bit number from the platform's CSPRNG, never 0. */
  readonly drawSessionId: () => bigint;
}

/** By dialect, what a client finds there. */
export const DIALECT_SERVICES: Readonly<Record<DialectName, readonly DescService[]>> = {
  s0: [s0.LeaderElectionService, s0.SessionService, s0.ControllerService, s0.MetadataService],
  s1: [s1.LeaderElection, s1.Partition, s1.Session],
  s2: [s2.LeaderElection],
  s3: [s3.LeaderElections, s3.LeaderElection],
  s4: [s4.LeaderLatchService, s4.PrimitiveService],
};

type Register = (router: ConnectRouter, services: DialectServices) => void;

const REGISTER: Readonly<Record<DialectName, Register>> = {
  s0: registerS0,
  s1: registerS1,
  s2: registerS2,
  s3: registerS3,
  s4: registerS4,
};

/** The state that the dialects of one node share; to be made once for a node. */
export function createDialectServices(options: DialectServicesOptions): DialectServices {
  const { node, clock, dialects, drawSessionId } = options;
  const { graceMs } = dialects;
  const sessions = new CarrierSessions({ node, clock, drawSessionId, graceMs });
  return { node, clock, options: dialects, sessions, drawSessionId };
}

export function registerDialects(router: ConnectRouter, services: DialectServices): void {
  for (const dialect of services.options.served) REGISTER[dialect](router, services);
}
