// SPDX-License-Identifier: Apache-2.0
/**
 * What programs read: the shapes of `-o json`. Fields are only ever added, and every field is always
 * there, null or empty where it says nothing.
 *
 * Terms and revisions are JSON integers, whole however large: a reader whose numbers are doubles
 * loses digits above 2^53, which a cluster reaches after thousands of restores.
 */

import type { Candidate, Change, View } from "@conclave/client";

export type Json =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly Json[]
  | { readonly [field: string]: Json };

/** One JSON document on one line. `JSON.stringify` refuses bigint, which this is for. */
export function toJsonText(value: Json): string {
  if (typeof value === "bigint") return String(value);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (isList(value)) return `[${value.map(toJsonText).join(",")}]`;
  const fields = Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}:${toJsonText(v)}`);
  return `{${fields.join(",")}}`;
}

/** One election as of a revision. */
export function viewToJson(view: View): { readonly [field: string]: Json } {
  return {
    election: view.election,
    revision: view.revision,
    term: view.term,
    leader: view.leader === null ? null : candidateToJson(view.leader),
    queue: view.queue.map(candidateToJson),
    since: view.sinceMs === null ? null : isoTime(view.sinceMs),
  };
}

/** One line of `watch`. */
export function changeToJson(change: Change): { readonly [field: string]: Json } {
  switch (change.type) {
    case "progress":
      return { type: change.type, revision: change.revision };
    case "gap":
      return { type: change.type, after: change.lost[0], before: change.lost[1] };
    case "contact":
      return { type: change.type, live: change.live };
    case "snapshot":
      return { type: change.type, ...viewToJson(change.view), cause: null, reason: "", time: null };
    default:
      return {
        type: change.type,
        ...viewToJson(change.view),
        cause: change.cause,
        reason: change.reason,
        time: change.timeMs === null ? null : isoTime(change.timeMs),
      };
  }
}

/** `Array.isArray` does not narrow a readonly array out of a union. */
function isList(value: object): value is readonly Json[] {
  return Array.isArray(value);
}

function candidateToJson(candidate: Candidate): Json {
  return {
    id: candidate.id,
    instance: candidate.instance,
    metadata: { ...candidate.metadata },
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
