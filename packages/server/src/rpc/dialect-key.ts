// SPDX-License-Identifier: Apache-2.0
/** Whether a dialect's caller has named something that can be. */

import { defaultLimits, isName, type PrimitiveKey } from "@conclave/fsm";
import { type DialectFailure, dialectFailure } from "./dialect-failure.ts";

const { nameBytesMax } = defaultLimits;

/** What is wrong with the key; the state machine would refuse it, and a read find nothing. */
export function checkKey({ namespace, name }: PrimitiveKey): DialectFailure | undefined {
  if (isName(namespace, nameBytesMax) && isName(name, nameBytesMax)) return undefined;
  const bound = `1 to ${nameBytesMax} bytes of UTF-8 without control characters`;
  return dialectFailure("invalid", `namespace and name: ${bound}`);
}
