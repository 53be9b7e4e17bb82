// SPDX-License-Identifier: Apache-2.0
/** The log of changes as files: JSON for programs, CSV for spreadsheets. */

import type { LoggedChange } from "../model/change-log.ts";

const COLUMNS = [
  "time",
  "namespace",
  "election",
  "type",
  "cause",
  "reason",
  "term",
  "revision",
  "leaderBefore",
  "leaderAfter",
] as const;

type Column = (typeof COLUMNS)[number];
/** Texts all, because terms and revisions may be beyond what a JSON number holds exactly. */
type Row = Readonly<Record<Column, string>>;

export function toJson(changes: readonly LoggedChange[]): string {
  return `${JSON.stringify(changes.map(rowOf), undefined, 2)}\n`;
}

export function toCsv(changes: readonly LoggedChange[]): string {
  const lines = changes.map((change) => {
    const row = rowOf(change);
    return COLUMNS.map((column) => cell(row[column])).join(",");
  });
  return `${[COLUMNS.join(","), ...lines].join("\r\n")}\r\n`;
}

/**
 * As RFC 4180 quotes it. What a spreadsheet would take for a formula gets an apostrophe before it:
 * names and reasons come from strangers.
 */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function rowOf(change: LoggedChange): Row {
  const time = timeText(change.receivedMs);
  const { namespace } = change;
  if (change.kind === "gap") {
    const nothing = {
      cause: "",
      reason: "",
      term: "",
      revision: "",
      leaderBefore: "",
      leaderAfter: "",
    };
    return { time, namespace, election: "", type: "gap", ...nothing };
  }
  return {
    time: change.timeMs === null ? time : timeText(change.timeMs),
    namespace,
    election: change.name,
    type: change.type,
    cause: change.cause,
    reason: change.reason,
    term: String(change.term),
    revision: String(change.revision),
    leaderBefore: change.leaderBefore?.id ?? "",
    leaderAfter: change.leaderAfter?.id ?? "",
  };
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
