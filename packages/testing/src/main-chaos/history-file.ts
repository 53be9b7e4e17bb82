// SPDX-License-Identifier: Apache-2.0
/** Histories on disk, one JSON object a line (docs/testing.md), written round by round. */

import { appendFileSync, writeFileSync } from "node:fs";
import { historyToLines } from "../history/json-lines.ts";
import type { History } from "../history/operation.ts";

export class HistoryFile {
  readonly #path: string;

  /** Whatever was there before is gone. */
  constructor(path: string) {
    this.#path = path;
    writeFileSync(path, "");
  }

  append(history: History): void {
    appendFileSync(this.#path, historyToLines(history));
  }
}
