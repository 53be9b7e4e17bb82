// SPDX-License-Identifier: Apache-2.0
/** Asks who leads, of the partition's leader or of any replica, and whether a term still counts. */

import { pick } from "../pick.ts";
import { patience, viewed } from "./operator.ts";
import { rest, type Stage } from "./stage.ts";

/** Until its process ends. */
export async function read(stage: Stage): Promise<never> {
  const { prng, recorder, name: client } = stage;
  let lastTerm = 1n;
  for (;;) {
    await rest(stage);
    const election = pick(prng, stage.elections);
    const handle = stage.client.election(election);
    const signal = patience(stage);
    if (prng.chance(1, 5)) {
      const term = lastTerm;
      await recorder.record(
        { client, election, call: { kind: "check-fence", term } },
        () => handle.checkFence(term, { signal }),
        ({ status, term: highest, revision }) => ({
          kind: "fence",
          status,
          term: highest,
          revision,
        }),
      );
      continue;
    }
    const consistency = prng.chance(2, 3) ? "linearizable" : "stale";
    const { value } = await recorder.record(
      { client, election, call: { kind: "get", read: consistency } },
      () => handle.get({ read: consistency, signal }),
      viewed,
    );
    if (value !== undefined && value.term > 0n) lastTerm = value.term;
  }
}
