// SPDX-License-Identifier: Apache-2.0
/** What an operator asked for, as it lies on the desk that operators share. Types only. */

import type { Call } from "../history/operation.ts";

/** A verb that anybody may ask for again under its request id, whoever asked first. */
export interface Order {
  readonly election: string;
  readonly verb: Steering;
}

export type Steering = Extract<Call, { readonly requestId: string | undefined }>;
