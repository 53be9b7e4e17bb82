// SPDX-License-Identifier: Apache-2.0
/** The answer to a dialect's call, as of now. */

import { termViewOf } from "./election.ts";
import type { Election } from "./records.ts";
import type { DialectDone } from "./reply.ts";
import type { ElectionVerb } from "./s1-input.ts";
import type { Turn } from "./turn.ts";
import type { TermView } from "./view.ts";

const NO_TERM: TermView = { term: 0n, candidates: [] };

/** About an election that may not exist: then it has never been led, and nobody is in it. */
export function dialectDone(
  turn: Turn,
  election: Election | undefined,
  changed: boolean,
  verb?: ElectionVerb,
): DialectDone {
  return {
    kind: "dialect-done",
    index: turn.state.index,
    revision: turn.state.revision,
    changed,
    replayed: false,
    primitiveId: election?.createdIndex ?? 0n,
    term: election === undefined ? NO_TERM : termViewOf(election),
    ...(verb === undefined ? {} : { verb }),
  };
}
