// SPDX-License-Identifier: Apache-2.0
/** A request that no server should serve, and what it is answered, in words that tests compare. */

import { type ServiceError, status } from "@grpc/grpc-js";
import type { S0Answer } from "./s0-client.ts";
import type { S1Answer } from "./s1-client.ts";

export interface BadRequest<Ground> {
  /** What is wrong with it. */
  readonly what: string;
  /** The name of a gRPC status, or a status within an answer. */
  readonly is: string;
  readonly ask: (ground: Ground) => Promise<unknown>;
}

export const TOO_LONG: string = "é".repeat(129);
export const CONTROL: string = "a\u0007b";
/** No message of any protocol. */
export const NOISE: Buffer = Buffer.from("ffffffffffffffffff7fdeadbeef", "hex");

export async function outcomeOf(asked: Promise<unknown>): Promise<string> {
  try {
    const answer = (await asked) as Partial<S0Answer & S1Answer> | undefined;
    const inBand = answer?.header?.status ?? answer?.headers?.operation?.status;
    return inBand === undefined ? "served" : `${inBand} in band`;
  } catch (thrown) {
    const { code } = thrown as Partial<ServiceError>;
    if (code === undefined) throw thrown;
    return status[code] ?? `code ${code}`;
  }
}
