// SPDX-License-Identifier: Apache-2.0
/** Measurements as a table for people: medians, the slow quarter, a ratio to the first line. */

import Table from "cli-table3";
import type { Measurement } from "./measure.ts";

export function tableOf(question: string, rows: readonly Measurement[]): string {
  const base = rows[0]?.perSecond ?? Number.NaN;
  const table = new Table({
    head: ["", "per second", "slow quarter", "round, ms", "ratio"],
    colAligns: ["left", "right", "right", "right", "right"],
    style: { head: [], border: [] },
  });
  for (const row of rows) {
    table.push([
      row.name,
      count(row.perSecond),
      count(row.slowQuarter),
      row.medianMs.toFixed(3),
      (row.perSecond / base).toFixed(2),
    ]);
  }
  return `${question}\n${table.toString()}\n`;
}

const count = (perSecond: number): string => Math.round(perSecond).toLocaleString("en");
