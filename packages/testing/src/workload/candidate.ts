// SPDX-License-Identifier: Apache-2.0
/**
 * Stands for one election again and again; in office it writes to the fenced register, holding its
 * leadership to what it says, and resigns when it has had enough.
 */

import { assert } from "@conclave/base";
import type { Leadership } from "@conclave/client";
import { ElectionError } from "@conclave/client";
import { pause, rest, type Stage } from "./stage.ts";

export interface Standing {
  readonly election: string;
  readonly candidate: string;
  readonly ttlMs: number;
  readonly graceMs: number;
  /** Takes the name from whoever holds it: at first, and now and then later. */
  readonly takesOver?: boolean;
  /** Now and then tells what it is doing, in its metadata. */
  readonly updates?: boolean;
}

/** Of the writes in office, one in so many is the last. */
const RESIGNS_ONE_IN = 30;
/** Of the campaigns of one that takes its name over, one in so many does so again. */
const TAKES_OVER_ONE_IN = 6;
/** Of the turns of work in office, one in so many is shown. */
const UPDATES_ONE_IN = 5;
/** For how long the SDK waits for a resignation's answer, at most. */
const RESIGN_WAITS_MS = 10_000;
/** A write is on its way for up to so long after the fence was asked for. */
const WRITE_MS = 20;

/** Until its process ends. */
export async function stand(stage: Stage, standing: Standing): Promise<never> {
  const { election, candidate, ttlMs, graceMs, takesOver = false } = standing;
  const { name: client, recorder, prng } = stage;
  const handle = stage.client.election(election);
  for (let isFirst = true; ; isFirst = false) {
    const takeover = takesOver && (isFirst || prng.chance(1, TAKES_OVER_ONE_IN));
    const how = takeover ? { takeover } : {};
    const { value: leadership } = await recorder.record(
      { client, election, call: { kind: "campaign", candidate, ...how } },
      () => handle.campaign({ candidate, ttlMs, graceMs, ...how }),
      ({ fence }) => ({ kind: "led", term: fence.term, revision: undefined }),
    );
    if (leadership !== undefined) await lead(stage, standing, leadership);
    await rest(stage);
  }
}

/**
 * Works in an office until it is over.
 *
 * @param linger what is still to be done then, before it has let go of the office.
 */
export async function lead(
  stage: Stage,
  standing: Standing,
  leadership: Leadership,
  linger: () => Promise<void> = async () => {},
): Promise<void> {
  const { name: client, observe, prng, recorder, believe } = stage;
  const { election, candidate } = standing;
  const { term } = leadership.fence;
  const tell = (state: "taken" | "suspended" | "resumed" | "lost" | "resigned"): void =>
    observe({ kind: "office", client, election, candidate, term, state });
  tell("taken");
  believe(candidate, leadership);
  const work = new Work(stage, leadership);
  const metadata =
    standing.updates === true ? new Metadata(stage, standing, leadership) : undefined;
  let isSuspended = false;
  while (!leadership.signal.aborted) {
    const standingNow = standingOf(leadership);
    if (standingNow === "over") break;
    if ((standingNow === "suspended") !== isSuspended) {
      isSuspended = !isSuspended;
      tell(isSuspended ? "suspended" : "resumed");
    }
    if (!isSuspended) await work.write();
    metadata?.update();
    if (prng.chance(1, RESIGNS_ONE_IN) && !leadership.signal.aborted) {
      const wasAnswered = answeredResignation(stage, standing, leadership);
      await recorder.record(
        { client, election, call: { kind: "resign", candidate, term } },
        () => leadership.resign(),
        () => (wasAnswered() ? { kind: "done" } : { kind: "unknown", code: "TIMEOUT" }),
      );
      await linger();
      tell("resigned");
      return;
    }
    await rest(stage);
  }
  await linger();
  tell("lost");
}

/**
 * To be asked when the resignation that begins now has ended: one returns without an answer when the
 * lease is over, or after ten seconds, and does not say so. Where the end of an attachment starts a grace,
 * little more than that may be left of any lease while the work drains.
 */
function answeredResignation(
  { clock }: Stage,
  { graceMs }: Standing,
  { remainingMs }: Leadership,
): () => boolean {
  const cutMs = graceMs > 0 ? graceMs / 2 : Number.POSITIVE_INFINITY;
  const waitsMs = Math.min(remainingMs, RESIGN_WAITS_MS, cutMs) - 1;
  const beganMs = clock.monotonicMs();
  return () => clock.monotonicMs() - beganMs < waitsMs;
}

function standingOf(leadership: Leadership): "held" | "suspended" | "over" {
  // Asked first: on a real machine time passes between the two.
  const { remainingMs } = leadership;
  try {
    leadership.assertHeld();
  } catch (error) {
    return error instanceof ElectionError && error.code === "SUSPENDED" ? "suspended" : "over";
  }
  // Rules look at the time that is left; this is what work in office goes by.
  assert(remainingMs > 0, "O2: nobody may act in an office whose lease is over");
  return "held";
}

/** Counts up in the register; the fence is asked for before each write, as the SDK's guide says. */
class Work {
  readonly #stage: Stage;
  readonly #leadership: Leadership;
  #known: number | undefined;

  constructor(stage: Stage, leadership: Leadership) {
    this.#stage = stage;
    this.#leadership = leadership;
  }

  async write(): Promise<void> {
    const { name: client, prng, register, observe } = this.#stage;
    const { election, term } = this.#leadership.fence;
    // It was held when the write was sent; it arrives when it likes.
    await pause(this.#stage, prng.below(WRITE_MS));
    this.#known ??= register.claim(election, term);
    if (this.#known === undefined) return;
    const expected = this.#known;
    const { isTaken, value } = register.write(election, term, expected);
    observe({ kind: "fenced-write", client, election, term, isTaken, expected, value });
    if (isTaken) this.#known = value;
  }
}

/** Shows in its metadata what it is doing, never twice the same; one change after the other. */
class Metadata {
  readonly #stage: Stage;
  readonly #standing: Standing;
  readonly #leadership: Leadership;
  #count = 0;
  #isUpdating = false;

  constructor(stage: Stage, standing: Standing, leadership: Leadership) {
    this.#stage = stage;
    this.#standing = standing;
    this.#leadership = leadership;
  }

  /** Without waiting for the answer: work goes on. */
  update(): void {
    if (this.#isUpdating || !this.#stage.prng.chance(1, UPDATES_ONE_IN)) return;
    this.#isUpdating = true;
    this.#count += 1;
    const { name: client, recorder } = this.#stage;
    const { election, candidate } = this.#standing;
    const doing = `${this.#leadership.fence}.${this.#count}`;
    const ended = recorder.record(
      { client, election, call: { kind: "update", candidate } },
      () => this.#leadership.update({ doing }),
      () => ({ kind: "done" }),
    );
    void ended.then(() => {
      this.#isUpdating = false;
    });
  }
}
