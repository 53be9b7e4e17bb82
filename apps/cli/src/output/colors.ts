// SPDX-License-Identifier: Apache-2.0
/** Colours for people, and none for programs. */

import picocolors from "picocolors";

export type Colors = ReturnType<typeof picocolors.createColors>;

/** Colours, or functions that leave text as it is. */
export function createColors(isColored: boolean): Colors {
  return picocolors.createColors(isColored);
}
