// SPDX-License-Identifier: Apache-2.0
/** The client's runtime in Node. Not yet: only the signature stands. */

import type { Client, ConnectOptions } from "./election.ts";
import { ElectionError } from "./error.ts";

/** Resolves when a first endpoint has answered; throws an `ElectionError` when none does in time. */
export function connect(_options: ConnectOptions): Promise<Client> {
  return Promise.reject(new ElectionError("INTERNAL", "the client is being built"));
}
