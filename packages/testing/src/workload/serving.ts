// SPDX-License-Identifier: Apache-2.0
/**
 * Stands by `serve`, as services do: each office that it is given is work that it does not give back at
 * once, but goes on with for a while after it was told to stop.
 */

import { ElectionError, type Leadership } from "@conclave/client";
import { lead, type Standing } from "./candidate.ts";
import { pause, rest, type Stage } from "./stage.ts";

export interface Serving {
  /** For how long the SDK waits for work that it has told to stop. */
  readonly drainMs: number;
  /** For how long such work goes on, at most: it may be longer. */
  readonly lingersMs: number;
}

interface Office {
  readonly leadership: Leadership;
  readonly settle: () => void;
}

/** Until its process ends. */
export async function serve(stage: Stage, standing: Standing, how: Serving): Promise<never> {
  const { election, candidate, takesOver = false } = standing;
  const { name: client, recorder, prng } = stage;
  const offices = openOffices(stage, standing, how);
  const takeover = takesOver ? { takeover: true } : {};
  const campaign = (): Promise<{ readonly value: Office | undefined }> =>
    recorder.record(
      { client, election, call: { kind: "campaign", candidate, ...takeover } },
      () => offices.next(),
      ({ leadership }) => ({ kind: "led", term: leadership.fence.term, revision: undefined }),
    );
  for (let next = campaign(); ; ) {
    const { value: office } = await next;
    if (office === undefined) await rest(stage);
    // One that loses its office stays in line, and may be given the next before it has heard of it.
    next = campaign();
    if (office === undefined) continue;
    await lead(stage, standing, office.leadership, () => pause(stage, prng.below(how.lingersMs)));
    office.settle();
  }
}

/** What `serve` hands out, one after the other; it is called again where it has ended. */
function openOffices(
  stage: Stage,
  { election, candidate, ttlMs, graceMs, takesOver = false }: Standing,
  { drainMs }: Serving,
): { next(): Promise<Office> } {
  const waiting: Office[] = [];
  let awaited: ((office: Office) => void) | undefined;
  let serving: Promise<never> | undefined;
  const work = (leadership: Leadership): Promise<void> =>
    new Promise((settle) => {
      const office = { leadership, settle };
      if (awaited === undefined) waiting.push(office);
      else awaited(office);
      awaited = undefined;
    });
  const begin = async (): Promise<never> => {
    const how = { candidate, ttlMs, graceMs, drainMs, takeover: takesOver };
    try {
      await stage.client.election(election).serve(work, how);
    } finally {
      serving = undefined;
    }
    throw new ElectionError("CLOSED", "it serves no more", { outcome: "not-applied" });
  };
  return {
    next() {
      serving ??= begin();
      const [office] = waiting.splice(0, 1);
      if (office !== undefined) return Promise.resolve(office);
      const next = new Promise<Office>((resolve) => {
        awaited = resolve;
      });
      return Promise.race([next, serving]);
    },
  };
}
