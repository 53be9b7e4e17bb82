// SPDX-License-Identifier: Apache-2.0
/**
 * Histories that are linearizable by construction: every operation takes effect at one moment between
 * its start and its end, on an election that really happens. For specs only.
 */

import { createPrng, type Prng } from "@conclave/base";
import type { Call, History, MayLeave, Operation, Result } from "../operation.ts";
import { LiveElection } from "./live-election.ts";

export interface RandomHistory {
  readonly candidates: number;
  readonly operators: number;
  /** The run ends when so many operations have ended. */
  readonly operations: number;
  /** Of a hundred answers, how many never come. */
  readonly lostPercent: number;
}

interface Running {
  readonly client: string;
  readonly call: Call;
  readonly startNs: bigint;
  result: Result | undefined;
}

type Stand =
  | { readonly kind: "idle" }
  | { readonly kind: "campaigning" | "resigning"; readonly running: Running }
  | { readonly kind: "leading"; readonly term: bigint };

const ELECTION = "e";

/** The history, and the election as it is at its end. */
export function randomHistory(
  seed: bigint,
  options: RandomHistory,
): { readonly history: History; readonly live: LiveElection; readonly endNs: bigint } {
  const run = new Run(createPrng(seed), options);
  run.toItsEnd();
  const { operations, mayLeave, live, nowNs: endNs } = run;
  return { history: { operations, mayLeave }, live, endNs };
}

class Run {
  readonly operations: Operation[] = [];
  readonly mayLeave: MayLeave[] = [];
  readonly live = new LiveElection();
  nowNs = 0n;
  readonly #prng: Prng;
  readonly #options: RandomHistory;
  readonly #stands: Stand[];
  readonly #asking: (Running | undefined)[];
  /** Commands whose answer was lost before they took effect. */
  #late: (() => void)[] = [];

  constructor(prng: Prng, options: RandomHistory) {
    this.#prng = prng;
    this.#options = options;
    this.#stands = Array.from({ length: options.candidates }, () => ({ kind: "idle" }));
    this.#asking = Array.from({ length: options.operators }, () => undefined);
  }

  toItsEnd(): void {
    const actors = this.#stands.length + this.#asking.length;
    while (this.operations.length < this.#options.operations) {
      this.nowNs += BigInt(1 + this.#prng.below(1_000));
      const actor = this.#prng.below(actors + 1);
      if (actor < this.#stands.length) this.#stand(actor);
      else if (actor < actors) this.#ask(actor - this.#stands.length);
      else this.#happen();
    }
    // Those without an answer at the end of the run.
    for (const stand of this.#stands) if ("running" in stand) this.#end(stand.running, undefined);
    for (const running of this.#asking) if (running !== undefined) this.#end(running, undefined);
  }

  /** What nobody asks for, or asked for long ago. */
  #happen(): void {
    const late = this.#prng.below(this.#late.length + 2);
    if (late < this.#late.length) this.#late.splice(late, 1)[0]?.();
    if (this.#prng.chance(1, 2)) this.live.counter += BigInt(this.#prng.below(3));
    if (!this.#prng.chance(1, 4)) return;
    const expired = this.live.list.filter(() => this.#prng.chance(1, 3)).map(({ name }) => name);
    if (expired.length === 0) return;
    for (const candidate of expired) {
      const silentNs = BigInt(this.#prng.below(3_000));
      const fromNs = this.nowNs > silentNs ? this.nowNs - silentNs : 0n;
      const untilNs = this.nowNs + BigInt(this.#prng.below(3_000));
      this.mayLeave.push({ election: ELECTION, candidate, client: undefined, fromNs, untilNs });
    }
    this.live.leave(...expired);
  }

  #stand(number: number): void {
    const stand = this.#stands[number]!;
    const [name, client] = [`c${number}`, `p${number}`];
    if (stand.kind === "idle") {
      const running = this.#begin(client, { kind: "campaign", candidate: name });
      this.#stands[number] = { kind: "campaigning", running };
    } else if (stand.kind === "campaigning") {
      this.#campaign(number, stand.running, name, client);
    } else if (stand.kind === "leading") {
      const isLeader = this.live.list[0]?.name === name && this.live.term === stand.term;
      if (isLeader && !this.#prng.chance(1, 3)) return;
      const call = { kind: "resign", candidate: name, term: stand.term } as const;
      this.#stands[number] = { kind: "resigning", running: this.#begin(client, call) };
    } else this.#resign(number, stand.running, name);
  }

  #campaign(number: number, running: Running, name: string, client: string): void {
    const leader = this.live.list[0];
    if (running.result?.kind === "led") {
      this.#end(running, running.result);
      this.#stands[number] = { kind: "leading", term: running.result.term };
    } else if (!this.live.has(name)) this.live.enter(name, client);
    else if (leader?.name === name) {
      running.result = { kind: "led", term: this.live.term, revision: undefined };
    }
  }

  #resign(number: number, running: Running, name: string): void {
    if (running.result === undefined) {
      if (this.live.has(name)) this.live.leave(name);
      running.result = { kind: "done" };
      return;
    }
    this.#end(running, this.#isLost() ? { kind: "unknown", code: "TIMEOUT" } : running.result);
    this.#stands[number] = { kind: "idle" };
  }

  #ask(number: number): void {
    const running = this.#asking[number];
    if (running === undefined) {
      this.#asking[number] = this.#begin(`q${number}`, this.#draw());
      return;
    }
    if (running.result === undefined && this.#prng.chance(2, 3)) {
      running.result = this.#carryOut(running.call);
      return;
    }
    if (running.result === undefined && !this.#isLost()) return;
    if (running.result === undefined) {
      this.#late.push(() => void this.#carryOut(running.call));
      this.#end(running, { kind: "unknown", code: "TIMEOUT" });
    } else this.#end(running, this.#isLost() ? { kind: "unknown", code: "X" } : running.result);
    this.#asking[number] = undefined;
  }

  #draw(): Call {
    const candidate = `c${this.#prng.below(this.#stands.length)}`;
    const isConditional = this.#prng.chance(1, 4);
    const ifRevision = isConditional ? this.live.revision : undefined;
    const kind = (["anoint", "promote", "demote", "evict"] as const)[this.#prng.below(4)]!;
    const dice = this.#prng.below(20);
    if (dice < 8) return { kind: "get", read: "linearizable" };
    if (dice < 10) return { kind: "get", read: "stale" };
    if (dice < 12) return { kind: "check-fence", term: this.live.term };
    if (dice < 13) return { kind: "delete", ifRevision };
    return { kind, candidate, ifRevision, requestId: undefined };
  }

  #carryOut(call: Call): Result {
    const { live } = this;
    if (call.kind === "get") return { kind: "view", view: live.view() };
    if (call.kind === "check-fence") {
      const status =
        call.term <= 0n
          ? "unknown"
          : call.term < live.term
            ? "superseded"
            : live.list.length > 0
              ? "current"
              : "vacant";
      return { kind: "fence", status, term: live.term, revision: live.counter };
    }
    if (call.kind === "campaign" || call.kind === "resign" || call.kind === "update") {
      throw new Error("not an operator's");
    }
    if (live.revision === 0n) return { kind: "refused", code: "NOT_FOUND" };
    const { ifRevision } = call;
    if (ifRevision !== undefined && ifRevision !== 0n && ifRevision !== live.revision) {
      return { kind: "refused", code: "CONFLICT" };
    }
    if (call.kind === "delete") {
      live.delete();
      return { kind: "done" };
    }
    const at = live.list.findIndex(({ name }) => name === call.candidate);
    if (at < 0) return { kind: "refused", code: "NOT_FOUND" };
    if (call.kind === "evict") live.leave(call.candidate);
    else live.move(call.candidate, { anoint: 0, promote: at - 1, demote: at + 1 }[call.kind]);
    return { kind: "view", view: live.view() };
  }

  #isLost(): boolean {
    return this.#prng.chance(this.#options.lostPercent, 100);
  }

  #begin(client: string, call: Call): Running {
    return { client, call, startNs: this.nowNs, result: undefined };
  }

  #end({ client, call, startNs }: Running, result: Result | undefined): void {
    const endNs = result === undefined ? undefined : this.nowNs;
    this.operations.push({ client, election: ELECTION, call, startNs, endNs, result });
  }
}
