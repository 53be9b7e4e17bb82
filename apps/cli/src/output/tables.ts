// SPDX-License-Identifier: Apache-2.0
/** What people read when they ask: small tables without lines, so that they can also be cut by awk. */

import type { Candidate, View } from "@conclave/client";
import Table from "cli-table3";
import type { Colors } from "./colors.ts";

/** One election: its state, and a row for each candidate in the order of succession. */
export function viewTable(view: View, colors: Colors): string {
  const since = view.sinceMs === null ? "" : `  since ${new Date(view.sinceMs).toISOString()}`;
  const office = view.leader === null ? `${colors.yellow("vacant")}` : `led${since}`;
  const head = `${colors.bold(view.election)}  term ${view.term}  ${office}  revision ${view.revision}`;
  const rows: string[][] = [];
  if (view.leader !== null) rows.push(candidateRow(view.leader, colors.green("leads")));
  for (const [index, candidate] of view.queue.entries()) {
    rows.push(candidateRow(candidate, `${index + 1}.`));
  }
  if (rows.length === 0) return head;
  return `${head}\n${table(["PLACE", "CANDIDATE", "INSTANCE", "METADATA"], rows, colors)}`;
}

/** Many elections, a row each. */
export function listTable(views: readonly View[], colors: Colors): string {
  const rows = views.map((view) => [
    view.election,
    String(view.term),
    view.leader === null ? colors.yellow("vacant") : colors.green(view.leader.id),
    String(view.queue.length),
    String(view.revision),
  ]);
  return table(["ELECTION", "TERM", "LEADER", "WAITING", "REVISION"], rows, colors);
}

function candidateRow(candidate: Candidate, place: string): string[] {
  const metadata = Object.entries(candidate.metadata).map(([key, value]) => `${key}=${value}`);
  return [place, candidate.id, candidate.instance, metadata.join(" ")];
}

/** Columns wide enough for what is in them, and nothing between them but room. */
export function table(head: readonly string[], rows: readonly string[][], colors: Colors): string {
  const printed = new Table({
    head: head.map((name) => colors.dim(name)),
    chars: NO_LINES,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2, compact: true },
  });
  printed.push(...rows);
  const lines = printed.toString().split("\n");
  return lines.map((line) => line.trimEnd()).join("\n");
}

const NO_LINES = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "",
};
