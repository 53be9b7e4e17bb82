// SPDX-License-Identifier: Apache-2.0
/** Watches one election or all of them, tells what it sees, and now and then begins anew where it was. */

import type { Change, View } from "@conclave/client";
import { ElectionError } from "@conclave/client";
import { pick } from "../pick.ts";
import { seenIn } from "./recorder.ts";
import { pause, rest, type Stage } from "./stage.ts";

/** How long one watch is read, in paces. */
const PACES = 40;

/** Until its process ends. `number` tells apart the watches of one process. */
export async function watch(stage: Stage, number: number): Promise<never> {
  const { prng } = stage;
  const election = prng.chance(1, 2) ? pick(prng, stage.elections) : undefined;
  let after = election === undefined ? undefined : stage.notebook.get(election);
  for (let count = 0; ; count++) {
    const stop = new AbortController();
    void pause(stage, PACES * stage.paceMs).then(() => stop.abort());
    const { signal } = stop;
    const watch = number * 1_000 + count;
    if (election !== undefined && after !== undefined) {
      stage.observe({ kind: "watch-resumed", client: stage.name, watch, election, after });
    }
    const changes =
      election === undefined
        ? stage.client.watch("", { signal })
        : stage.client
            .election(election)
            .watch(after === undefined ? { signal } : { after, signal });
    try {
      for await (const change of changes) {
        const seen = tell(stage, watch, change, after);
        if (seen === undefined) continue;
        after = seen;
        if (election !== undefined) stage.notebook.set(election, seen);
      }
    } catch (error) {
      if (!(error instanceof ElectionError)) throw error;
      after = undefined;
    }
    // Half of them come back with what they know, the others with nothing.
    if (prng.chance(1, 2)) after = undefined;
    await rest(stage);
  }
}

function tell(
  stage: Stage,
  watch: number,
  change: Change,
  before: bigint | undefined,
): bigint | undefined {
  const { name: client, observe } = stage;
  switch (change.type) {
    case "progress":
    case "contact":
      return before;
    case "gap":
      observe({
        ...{ kind: "watched", client, watch, election: "", revision: change.lost[1], term: 0n },
        ...{ leader: undefined, candidates: [], isGap: true },
      });
      return before;
    default: {
      const { view }: { readonly view: View } = change;
      const { revision, term, leader, candidates } = seenIn(view);
      const { election } = view;
      observe({
        ...{ kind: "watched", client, watch, election, revision, term },
        ...{ leader, candidates, isGap: false },
      });
      return revision;
    }
  }
}
