// SPDX-License-Identifier: Apache-2.0
/** What a question is asked with, and its answer as a table for people. */

import Table from "cli-table3";
import type { Spread } from "./rounds.ts";

/** How a run was asked for. */
export interface Setting {
  /** Servers of each durable cluster: 1 or 3. */
  readonly nodes: number;
  /** Rounds that count. */
  readonly rounds: number;
  readonly roundMs: number;
  /** Fewer elections, watches and kills: to see that a question works, not for its numbers. */
  readonly isQuick: boolean;
}

export interface Answer {
  readonly title: string;
  /** The first column holds what was measured; the others hold numbers. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What a reader must know to read the numbers. */
  readonly notes?: readonly string[];
}

export interface Question {
  /** What `npm run bench -- NAME` calls it. */
  readonly name: string;
  readonly ask: (setting: Setting) => Promise<readonly Answer[]>;
}

export function tableOf({ title, columns, rows, notes = [] }: Answer): string {
  const table = new Table({
    head: [...columns],
    colAligns: columns.map((_, i) => (i === 0 ? "left" : "right")),
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) table.push([...row]);
  return `${[title, table.toString(), ...notes].join("\n")}\n`;
}

export const count = (value: number): string => Math.round(value).toLocaleString("en");
export const decimals = (value: number, places = 2): string => value.toFixed(places);

/** `1,234 (1,100-1,300)`: the median, then the least and the greatest round. */
export function countWithSpread({ median, min, max }: Spread): string {
  return `${count(median)} (${count(min)}-${count(max)})`;
}

export function msWithSpread({ median, min, max }: Spread): string {
  const [shown, least, most] = [median, min, max].map((ms) => decimals(ms, ms < 10 ? 2 : 0));
  return `${shown} (${least}-${most})`;
}
