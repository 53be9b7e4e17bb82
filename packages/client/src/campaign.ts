// SPDX-License-Identifier: Apache-2.0
/**
 * The three ways to stand for an election: `lead` once, `serve` for ever, `campaign` for a scope.
 *
 * All three are one candidacy and one rule: an office's work begins when the work before it, in this
 * client and election, has settled. The order of leaving is: abort the signal, let the work settle or
 * the drain run out, withdraw.
 */

import { type CampaignPlan, planCampaign } from "./campaign-options.ts";
import { Candidacy } from "./candidacy.ts";
import type { CampaignOptions } from "./election.ts";
import { ElectionError } from "./error.ts";
import type { HeldOffice } from "./held-office.ts";
import type { Leadership } from "./leadership.ts";
import type { Runtime } from "./link.ts";
import { onAbort } from "./on-abort.ts";
import type { Sessions } from "./sessions.ts";
import { abortion, orAborted, type Release, type Turnstile } from "./turnstile.ts";

export interface CampaignContext {
  readonly runtime: Runtime;
  readonly sessions: Sessions;
  readonly turnstile: Turnstile;
  readonly namespace: string;
  readonly defaultCandidate: string;
  readonly defaultTtlMs: number;
  readonly homeOf: (election: string) => number;
  /** Aborted, with CLOSED, when the client is. */
  readonly closing: AbortSignal;
  /** Resignations under way: a client that closes waits for them. */
  readonly resignations: Set<Promise<void>>;
}

/** After `work` has returned: a worker that has nothing to do must not keep the cluster busy. */
const RE_ENTRY_PAUSE_MS = 250;

/** As long as the usual lease: with one of a day, nobody would wait for the end of it. */
const WITHDRAW_PATIENCE_MS = 10_000;

export async function lead<T>(
  context: CampaignContext,
  election: string,
  work: (leadership: Leadership) => Promise<T>,
  options: CampaignOptions,
): Promise<T> {
  const campaign = await Campaign.begin(context, election, options);
  try {
    const office = await campaign.office();
    const { outcome, loss } = await campaign.run(office, work);
    if (loss !== undefined) throw loss;
    if (outcome.kind === "threw") throw outcome.error;
    return outcome.value;
  } finally {
    campaign.end();
  }
}

export async function serve(
  context: CampaignContext,
  election: string,
  work: (leadership: Leadership) => Promise<void>,
  options: CampaignOptions,
): Promise<void> {
  const campaign = await beginUnlessStopped(context, election, options);
  if (campaign === undefined) return;
  try {
    while (!campaign.stop.aborted) await campaign.serveOnce(work);
  } catch (error) {
    if (!campaign.stop.aborted || error !== abortion(campaign.stop)) throw error;
  } finally {
    campaign.end();
  }
}

export async function campaign(
  context: CampaignContext,
  election: string,
  options: CampaignOptions,
): Promise<Leadership> {
  const campaign = await Campaign.begin(context, election, options);
  try {
    const office = await campaign.office();
    campaign.handOver(office);
    return office;
  } catch (error) {
    campaign.end();
    throw error;
  }
}

async function beginUnlessStopped(
  context: CampaignContext,
  election: string,
  options: CampaignOptions,
): Promise<Campaign | undefined> {
  try {
    return await Campaign.begin(context, election, options);
  } catch (error) {
    if (options.signal?.aborted === true || context.closing.aborted) return undefined;
    throw error;
  }
}

type Outcome<T> =
  | { readonly kind: "returned"; readonly value: T }
  | { readonly kind: "threw"; readonly error: unknown };

interface Run<T> {
  readonly outcome: Outcome<T>;
  /** Set when the office was lost before the work had settled. */
  readonly loss: ElectionError | undefined;
  /** Whether the work had been told to stop when it settled. */
  readonly wasTold: boolean;
}

class Campaign {
  /** Aborted when the caller, or the client, wants it to end; the reason is an ElectionError. */
  readonly stop: AbortSignal;
  readonly #context: CampaignContext;
  readonly #plan: CampaignPlan;
  readonly #election: string;
  readonly #candidacy: Candidacy;
  readonly #releaseCandidate: Release;
  readonly #unlisten: () => void;
  #releaseOffice: Release = () => {};
  /** The work under way, or nothing: what a resignation waits for. */
  #work: Promise<unknown> | undefined;
  #resignation: Promise<void> | undefined;

  /** Waits until no other campaign of this client uses the candidate in this election. */
  static async begin(
    context: CampaignContext,
    election: string,
    options: CampaignOptions,
  ): Promise<Campaign> {
    const plan = planCampaign(options, {
      candidate: context.defaultCandidate,
      ttlMs: context.defaultTtlMs,
    });
    const { stop, unlisten } = anyOf(context.closing, options.signal);
    try {
      const key = `candidate\n${context.namespace}\n${election}\n${plan.candidate}`;
      if (stop.aborted) throw abortion(stop);
      const release = await context.turnstile.pass(key, stop);
      return new Campaign(context, election, plan, { stop, unlisten, release });
    } catch (error) {
      unlisten();
      throw error;
    }
  }

  private constructor(
    context: CampaignContext,
    election: string,
    plan: CampaignPlan,
    ends: { readonly stop: AbortSignal; readonly unlisten: () => void; readonly release: Release },
  ) {
    this.#context = context;
    this.#election = election;
    this.#plan = plan;
    this.stop = ends.stop;
    this.#unlisten = ends.unlisten;
    this.#releaseCandidate = ends.release;
    const { candidate, metadata, times, takeover, options } = plan;
    this.#candidacy = new Candidacy(context.runtime, context.sessions, {
      namespace: context.namespace,
      election,
      candidate,
      partition: context.homeOf(election),
      metadata,
      times,
      takeover,
      onState: options.onState,
      onDeadline: options.onDeadline,
      resign: (office) =>
        this.#resign(
          office,
          () => new ElectionError("RESIGNED", `${candidate} resigned ${office.fence}`),
        ),
    });
  }

  /** Enters and waits: for office, and for the work before it in this client. */
  async office(): Promise<HeldOffice> {
    for (;;) {
      const office = await this.#serverGrants();
      const key = `office\n${this.#context.namespace}\n${this.#election}`;
      this.#releaseOffice = await this.#context.turnstile.pass(key, this.stop);
      const { end } = office;
      if (end === undefined) return office;
      this.#releaseOffice();
      await this.#settle(end);
    }
  }

  /** Runs the work to its end, whatever becomes of the office, and gives the office up. */
  async run<T>(office: HeldOffice, work: (leadership: Leadership) => Promise<T>): Promise<Run<T>> {
    // A client that is closing waits for the work that it has told to stop, and for no other.
    if (this.stop.aborted) throw abortion(this.stop);
    const stopped = (): void => void this.#resign(office, () => abortion(this.stop));
    const settled = outcomeOf(work, office);
    this.#work = settled;
    const unlisten = onAbort(this.stop, stopped);
    const outcome = await settled;
    this.#work = undefined;
    const wasTold = office.wasTold;
    unlisten();
    const lost = this.#resignation === undefined ? office.end : undefined;
    if (lost === undefined) await this.#resign(office, () => workEnded(office));
    this.#resignation = undefined;
    this.#releaseOffice();
    if (lost === undefined) return { outcome, loss: undefined, wasTold };
    const { code, message, retryable } = lost;
    const cause = outcome.kind === "threw" ? outcome.error : undefined;
    const loss = new ElectionError(code, message, { retryable, outcome: lost.outcome, cause });
    return { outcome, loss, wasTold };
  }

  async serveOnce(work: (leadership: Leadership) => Promise<void>): Promise<void> {
    let office: HeldOffice;
    try {
      office = await this.office();
    } catch (error) {
      if (this.stop.aborted || !isWorthAnotherEntry(error)) throw error;
      // An operator took it out: for a whole TTL it stays out, so that the effect can be seen.
      await this.#pause(this.#plan.times.ttlMs);
      return;
    }
    const { outcome, loss, wasTold } = await this.run(office, work);
    if (loss !== undefined) return this.#settle(loss);
    // Work that was told to stop usually ends with an error of its own choosing.
    if (outcome.kind === "threw" && !wasTold) throw outcome.error;
    if (!this.stop.aborted) await this.#pause(RE_ENTRY_PAUSE_MS);
  }

  /** The office is the caller's now: the signal ended with the waiting, only the client's end counts. */
  handOver(office: HeldOffice): void {
    this.#unlisten();
    const { closing } = this.#context;
    const unlisten = onAbort(closing, () => void this.#resign(office, () => abortion(closing)));
    void office.over.then(() => {
      unlisten();
      this.end();
    });
  }

  /** Leaves, without waiting for it; the candidate is free for others when it has left. */
  end(): void {
    this.#unlisten();
    this.#releaseOffice();
    void this.#candidacy.leave().then(this.#releaseCandidate);
  }

  async #serverGrants(): Promise<HeldOffice> {
    for (;;) {
      if (this.stop.aborted) throw abortion(this.stop);
      this.#candidacy.enter();
      try {
        return await orAborted(this.#candidacy.nextOffice(), this.stop);
      } catch (error) {
        // A session that ended while waiting is replaced: a standby must not drop out in silence.
        const hasExpired = error instanceof ElectionError && error.code === "EXPIRED";
        if (!hasExpired || this.stop.aborted) throw error;
      }
    }
  }

  /** After a loss: stays in line where it still is in it, else gets out and lets the evicted rest. */
  async #settle(loss: ElectionError): Promise<void> {
    if (loss.code === "SUPERSEDED" && this.#candidacy.isWanted) return;
    await orAborted(this.#candidacy.leave(), this.stop);
    if (loss.code === "EVICTED") await this.#pause(this.#plan.times.ttlMs);
  }

  #resign(office: HeldOffice, reason: () => ElectionError): Promise<void> {
    if (this.#resignation !== undefined) return this.#resignation;
    if (office.isOver) return Promise.resolve();
    office.abort(reason);
    const resignation = this.#drainAndLeave(office);
    this.#resignation = resignation;
    const { resignations } = this.#context;
    resignations.add(resignation);
    void resignation.then(() => resignations.delete(resignation));
    return resignation;
  }

  async #drainAndLeave(office: HeldOffice): Promise<void> {
    if (this.#work !== undefined) await this.#within(this.#plan.drainMs, this.#work);
    const { patienceMs } = office;
    const left = this.#candidacy.leave();
    // Past the lease the office falls by itself: an unreachable server must not hold a shutdown up.
    if (patienceMs > 0) await this.#within(Math.min(patienceMs, WITHDRAW_PATIENCE_MS), left);
  }

  /** Resolves when the promise does, or at the end of the time. */
  #within(ms: number, promise: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#context.runtime.clock.setTimer(ms, resolve);
      void promise.then(() => {
        cancel();
        resolve();
      });
    });
  }

  async #pause(ms: number): Promise<void> {
    let cancel = (): void => {};
    const timeUp = new Promise<void>((resolve) => {
      cancel = this.#context.runtime.clock.setTimer(ms, resolve);
    });
    try {
      await orAborted(timeUp, this.stop);
    } finally {
      cancel();
    }
  }
}

function workEnded({ fence }: HeldOffice): ElectionError {
  return new ElectionError("RESIGNED", `the work of ${fence} has ended`);
}

/** Never rejects, also where the work throws before it returns a promise. */
async function outcomeOf<T>(
  work: (leadership: Leadership) => Promise<T>,
  office: HeldOffice,
): Promise<Outcome<T>> {
  try {
    return { kind: "returned", value: await work(office) };
  } catch (error) {
    return { kind: "threw", error };
  }
}

/** `serve` goes on after an eviction; a refusal by a rule would only be repeated. */
function isWorthAnotherEntry(error: unknown): boolean {
  if (!(error instanceof ElectionError)) return false;
  return error.code === "EVICTED" || error.code === "LOST" || error.code === "SUPERSEDED";
}

/** One signal that either of two aborts, with an ElectionError; `unlisten` lets go of both. */
function anyOf(
  closing: AbortSignal,
  signal: AbortSignal | undefined,
): { readonly stop: AbortSignal; readonly unlisten: () => void } {
  if (signal === undefined) return { stop: closing, unlisten: () => {} };
  const controller = new AbortController();
  const listeners = [closing, signal].map((source) =>
    onAbort(source, () => controller.abort(abortion(source))),
  );
  return {
    stop: controller.signal,
    unlisten: () => {
      for (const unlisten of listeners) unlisten();
    },
  };
}
