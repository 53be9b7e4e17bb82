// SPDX-License-Identifier: Apache-2.0
/**
 * One candidate of one election: carries out what candidacy-machine.ts decides, and joins it with
 * the lease, so that an office is handed out only while it may be believed in.
 *
 * It does not know what the office is used for, nor when to enter again: campaign.ts does.
 */

import { create } from "@bufbuild/protobuf";
import { type ElectionRef, type FrameError, GetRequestSchema, Reason } from "@conclave/api";
import { unreachable } from "@conclave/base";
import type { Answer, CallListener, CancelCall } from "./calls.ts";
import {
  type Fact,
  isInOffice,
  type MachineEffect,
  type MachineEvent,
  type MachineState,
  OUTSIDE,
  step,
} from "./candidacy-machine.ts";
import { createDeferred, type Deferred } from "./deferred.ts";
import type { CampaignState } from "./election.ts";
import type { ElectionError } from "./error.ts";
import { HeldOffice, type OfficeGround } from "./held-office.ts";
import type { LeaseTimes } from "./leases.ts";
import type { Runtime } from "./link.ts";
import { goneError, lossError, unanswered } from "./loss-errors.ts";
import type { Session } from "./session.ts";
import { memberKey, type SessionMember } from "./session-members.ts";
import type { Sessions } from "./sessions.ts";
import type { Cause } from "./view.ts";
import { errorFromFrame } from "./wire-errors.ts";
import { electionRef, factOfResult, factOfView } from "./wire-values.ts";

export interface CandidacyOptions {
  readonly namespace: string;
  readonly election: string;
  readonly candidate: string;
  readonly partition: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly times: LeaseTimes;
  readonly takeover: boolean;
  readonly onState?: ((state: CampaignState) => void) | undefined;
  readonly onDeadline?: ((remainingMs: number) => void) | undefined;
  /** How an office is given up: the campaign drains its work first. */
  readonly resign: (office: HeldOffice) => Promise<void>;
}

/** How often a name that another session holds is asked for again. */
const HELD_RETRY_MS = 250;

export class Candidacy implements SessionMember {
  readonly key: string;
  readonly partition: number;
  readonly #options: CandidacyOptions;
  readonly #ref: ElectionRef;
  readonly #runtime: Runtime;
  readonly #sessions: Sessions;
  #metadata: Readonly<Record<string, string>>;
  #state: MachineState = OUTSIDE;
  #session: Session | undefined;
  #office: HeldOffice | undefined;
  /** The office of this term has been handed out in this epoch: it never is again. */
  #spent = "";
  #end: ElectionError | undefined;
  /** A name is taken over once: two processes that both insist would take it from each other for ever. */
  #hasEntered = false;
  #shown: CampaignState | undefined;
  #deadlineMs = 0;
  #offices: Deferred<HeldOffice>[] = [];
  #leavings: Deferred<void>[] = [];
  #updates: Deferred<void>[] = [];
  #cancelRetry: () => void = () => {};
  #cancelRead: CancelCall = () => {};

  constructor(runtime: Runtime, sessions: Sessions, options: CandidacyOptions) {
    this.#runtime = runtime;
    this.#sessions = sessions;
    this.#options = options;
    this.#ref = electionRef(options.namespace, options.election);
    this.#metadata = options.metadata;
    this.partition = options.partition;
    this.key = memberKey(this.#ref, options.candidate);
  }

  /** Whether it is in the election as far as is known, or on the way into it. */
  get isWanted(): boolean {
    return this.#state.want === "in";
  }

  enter(): void {
    this.#end = undefined;
    this.#step({ kind: "want", want: "in" });
  }

  /** The office now held, or the next one; throws when the candidacy is gone or refused first. */
  nextOffice(): Promise<HeldOffice> {
    if (this.#office !== undefined) return Promise.resolve(this.#office);
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const office = createDeferred<HeldOffice>();
    this.#offices.push(office);
    return office.promise;
  }

  /** Withdraws; resolves when it is known to be out, which may take until a server is reached. */
  leave(): Promise<void> {
    const left = createDeferred<void>();
    this.#leavings.push(left);
    this.#finish("resigned");
    this.#step({ kind: "want", want: "out" });
    return left.promise;
  }

  update(metadata: Readonly<Record<string, string>>): Promise<void> {
    const updated = createDeferred<void>();
    this.#updates.push(updated);
    this.#metadata = metadata;
    this.#step({ kind: "update" });
    return updated.promise;
  }

  // What the session tells.

  told(fact: Fact, confirmedBy: bigint): void {
    this.#step({ kind: "fact", epoch: this.#state.epoch, fact, confirmedBy });
  }

  sessionEnded(): void {
    this.#step({ kind: "session-ended", epoch: this.#state.epoch });
  }

  read(): void {
    const { candidate } = this.#options;
    const { epoch } = this.#state;
    // Then the Enter may be what makes the election, and its absence tells nothing.
    const isEntering = this.#state.inFlight === "enter";
    const session = this.#session;
    if (session === undefined) return;
    const request = create(GetRequestSchema, { election: this.#ref });
    this.#cancelRead();
    this.#cancelRead = session.ask(
      this.partition,
      { case: "get", value: request },
      {
        answered: ({ reply }) => {
          const view = reply.case === "get" ? reply.value.view : undefined;
          if (view === undefined) return;
          const fact = factOfView(view, candidate, session.instance);
          this.#step({ kind: "fact", epoch, fact, confirmedBy: 0n });
          session.hasRead(this, view.asOfRevision);
        },
        refused: (error) => {
          if (errorFromFrame(error).code === "NOT_FOUND" && !isEntering) {
            // The election has been deleted, and its candidacies with it.
            const { revision, term } = this.#state;
            const fact: Fact = { place: "gone", revision, term, cause: "deleted" };
            this.#step({ kind: "fact", epoch, fact, confirmedBy: 0n });
          }
          session.hasNotRead(this);
        },
      },
    );
  }

  /** Hands out, or ends, an office as far as it may be believed in now. */
  review(): void {
    if (this.#office !== undefined || this.#state.place === "leading") this.#reviewOffice();
    this.#showState();
  }

  #reviewOffice(): void {
    const { term, epoch, confirmedBy } = this.#state;
    const session = this.#session;
    const remainingMs = session?.remainingInFrameMs(this.partition) ?? 0;
    if (this.#office !== undefined && remainingMs <= 0) this.#finish("expired");
    const isConfirmed = session?.isConfirmed(this.partition, confirmedBy) === true;
    const name = `${epoch} ${term}`;
    const isNew = this.#office === undefined && this.#spent !== name;
    const isLeading = isInOffice(this.#state) && this.isWanted;
    if (isLeading && isNew && isConfirmed && remainingMs > 0) {
      this.#spent = name;
      this.#office = new HeldOffice(this.#options.election, term, this.#ground());
      for (const waiting of this.#offices.splice(0)) waiting.resolve(this.#office);
    }
    this.#showDeadline(remainingMs);
  }

  #ground(): OfficeGround {
    return {
      remainingMs: () => this.#session?.remainingMs(this.partition) ?? 0,
      patienceMs: () => this.#session?.patienceMs(this.partition) ?? 0,
      isConfirmed: () =>
        this.#session?.isConfirmed(this.partition, this.#state.confirmedBy) === true,
      expired: () => this.review(),
      update: (metadata) => this.update(metadata),
      resign: (office) => this.#options.resign(office),
    };
  }

  #step(event: MachineEvent): void {
    const { state, effects } = step(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
    if (state.place === "outside" && state.inFlight === "none") this.#leaveSession();
    // An office once handed out is judged when the lease moves, or when somebody asks.
    if (this.#office === undefined && state.want === "in") this.review();
    else this.#showState();
  }

  #carryOut(effect: MachineEffect): void {
    switch (effect.kind) {
      case "open":
        this.#session = this.#sessions.on(this.partition, this.#options.times);
        this.#session.join(this);
        return;
      case "send":
        this.#send(effect.command);
        return;
      case "pause":
        this.#cancelRetry = this.#runtime.clock.setTimer(
          HELD_RETRY_MS + this.#runtime.prng.below(HELD_RETRY_MS),
          () => this.#step({ kind: "retry" }),
        );
        return;
      case "deposed": {
        const isOutranked = effect.cause === "unknown" && this.#state.place === "waiting";
        this.#finish(isOutranked ? "anointed" : effect.cause);
        return;
      }
      case "gone":
        this.#give(goneError(effect.cause, this.#label()));
        return;
      case "failed":
        this.#give(effect.error);
        return;
      case "updated":
        this.#settleUpdate(effect.error);
        return;
      case "left":
        for (const left of this.#leavings.splice(0)) left.resolve();
        return;
      default:
        unreachable(effect);
    }
  }

  #send(command: "enter" | "withdraw" | "update"): void {
    const { candidate } = this.#options;
    const { epoch } = this.#state;
    const session = this.#session;
    if (session === undefined) return;
    const election = this.#ref;
    const takeover = this.#options.takeover && !this.#hasEntered;
    const metadata = { ...this.#metadata };
    const listener = this.#listener(session, epoch);
    session.command(
      this.partition,
      (id) => {
        // Whole as they stand: to have them built costs several times as much.
        const common = { election, command: id, candidate };
        switch (command) {
          case "withdraw": {
            const $typeName = "conclave.v1.WithdrawRequest";
            return { case: "withdraw", value: { $typeName, ...common } };
          }
          case "update": {
            const $typeName = "conclave.v1.UpdateMetadataRequest";
            return { case: "updateMetadata", value: { $typeName, ...common, metadata } };
          }
          default: {
            const $typeName = "conclave.v1.EnterRequest";
            return { case: "enter", value: { $typeName, ...common, metadata, takeover } };
          }
        }
      },
      listener,
    );
  }

  #listener(session: Session, epoch: number): CallListener {
    return {
      answered: ({ reply }: Answer) => {
        if (!("result" in reply.value) || reply.value.result === undefined) return;
        const { result } = reply.value;
        this.#hasEntered = true;
        const fact: Fact =
          reply.case === "withdraw"
            ? { place: "gone", revision: result.revision, term: result.term, cause: "resigned" }
            : factOfResult(result);
        // An answer given again is as old as the first: a renewal sent from now on has to confirm it.
        const isDoubtful = result.replayed && fact.place === "leading";
        const confirmedBy = isDoubtful ? session.renewNow(this.partition) : 0n;
        this.#step({ kind: "answered", epoch, fact, confirmedBy });
        // With no lease to believe in, the beat of renewals would be a long wait.
        const isDenied = fact.place === "leading" && this.#office === undefined && this.isWanted;
        if (isDenied && session.remainingMs(this.partition) <= 0) {
          session.renewNow(this.partition);
        }
      },
      refused: (error) => this.#refused(session, epoch, error),
    };
  }

  #refused(session: Session, epoch: number, frameError: FrameError): void {
    const error = errorFromFrame(frameError);
    switch (frameError.info?.reason) {
      case Reason.SESSION_ENDED:
      case Reason.SESSION_UNKNOWN:
        session.endOn(this.partition);
        this.#step({ kind: "session-ended", epoch });
        return;
      case Reason.HELD_BY_ANOTHER_SESSION:
        // Of a Withdraw or an update it means that somebody has taken the candidacy over.
        if (this.#state.inFlight === "enter") this.#step({ kind: "held-by-another", epoch });
        else this.#step({ kind: "not-a-candidate", epoch, error });
        return;
      case Reason.NOT_A_CANDIDATE:
      case Reason.NO_SUCH_ELECTION:
        this.#step({ kind: "not-a-candidate", epoch, error });
        return;
      default:
        this.#step({ kind: "refused", epoch, error });
    }
  }

  /** It is out although it was wanted in: whoever waits for something is told why. */
  #give(error: ElectionError): void {
    this.#end = error;
    for (const office of this.#offices.splice(0)) office.reject(error);
  }

  #finish(cause: Cause): void {
    this.#office?.finish(() => lossError(cause, this.#label()));
    this.#office = undefined;
  }

  #settleUpdate(error: ElectionError | undefined): void {
    // Metadata replace each other: what was sent last stands for all that were asked for before it.
    if (this.#state.isUpdateDue) return;
    for (const updated of this.#updates.splice(0)) {
      if (error === undefined) updated.resolve();
      else updated.reject(error);
    }
  }

  #leaveSession(): void {
    this.#cancelRead();
    this.#session?.leave(this);
    this.#session = undefined;
    for (const updated of this.#updates.splice(0)) {
      updated.reject(unanswered(this.#end ?? lossError("resigned", this.#label())));
    }
    if (!this.#state.isPaused) this.#cancelRetry();
  }

  #showState(): void {
    if (this.#options.onState === undefined || !this.isWanted) return;
    const shown = this.#stateShown();
    if (shown === this.#shown) return;
    this.#shown = shown;
    tell(this.#options.onState, shown);
  }

  #stateShown(): CampaignState {
    const { place, confirmedBy } = this.#state;
    if (this.#office !== undefined) {
      const isConfirmed = this.#session?.isConfirmed(this.partition, confirmedBy) === true;
      return isConfirmed ? "leading" : "suspended";
    }
    if (place === "leading") return "suspended";
    if (place !== "waiting") return "connecting";
    return this.#session?.isAttachedTo(this.partition) === true ? "queued" : "suspended";
  }

  #showDeadline(remainingMs: number): void {
    const { onDeadline } = this.#options;
    if (onDeadline === undefined || this.#office === undefined) return;
    const nowMs = this.#runtime.clock.monotonicMs();
    if (Math.abs(nowMs + remainingMs - this.#deadlineMs) < 1) return;
    this.#deadlineMs = nowMs + remainingMs;
    tell(onDeadline, remainingMs);
  }

  #label(): string {
    return `${this.#options.candidate} in ${this.#options.election}`;
  }
}

/** Apart from what is under way: what a caller's function throws is for the process, not for us. */
function tell<T>(listener: (value: T) => void, value: T): void {
  void Promise.resolve(value).then(listener);
}
