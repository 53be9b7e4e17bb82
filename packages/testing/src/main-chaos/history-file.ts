// SPDX-License-Identifier: Apache-2.0
/** Histories on disk, one JSON object a line (docs/testing.md), written round by round. */

import { appendFileSync, writeFileSync } from "node:fs";
import type { History } from "../history/operation.ts";

export class HistoryFile {
  readonly #path: string;

  /** Whatever was there before is gone. */
  constructor(path: string) {
    this.#path = path;
    writeFileSync(path, "");
  }

  append(history: History): void {
    const replacer = (_: string, value: unknown): unknown =>
      typeof value === "bigint" ? String(value) : value;
    const lines = [...history.operations, ...history.mayLeave].map((one) =>
      JSON.stringify(one, replacer),
    );
    if (lines.length > 0) appendFileSync(this.#path, `${lines.join("\n")}\n`);
  }
}
