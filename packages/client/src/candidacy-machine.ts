// SPDX-License-Identifier: Apache-2.0
/**
 * One candidate of one election as the client knows it: wanted in or out, and where it stands.
 *
 * `step` is a function of a state and an event; it sends nothing, reads no clock and knows nothing of
 * leases. Whatever comes from a session carries the epoch of that session and is dropped when another
 * one has taken its place, so that no late answer can make or end an office (pain 6). At most one
 * command is in flight (semantics A3).
 *
 * Office here means: the server has said so. Whether it may be *believed* is for candidacy.ts, which
 * also reads the lease.
 */

import { unreachable } from "@conclave/base";
import type { ElectionError } from "./error.ts";
import type { Cause } from "./view.ts";

type Place = "outside" | "unknown" | "waiting" | "leading";

/** What the server said of the candidacy, true at `revision`. */
export interface Fact {
  readonly place: "gone" | "waiting" | "leading";
  readonly revision: bigint;
  readonly term: bigint;
  readonly cause: Cause;
}

export interface MachineState {
  readonly want: "in" | "out";
  /** Rises with every session that the candidacy is put into. */
  readonly epoch: number;
  readonly place: Place;
  readonly term: bigint;
  /** The latest revision heard of; anything at an earlier one is old news. */
  readonly revision: bigint;
  /** A renewal of at least this number must confirm before the office is believed in. 0: none. */
  readonly confirmedBy: bigint;
  readonly inFlight: "none" | "enter" | "withdraw" | "update";
  /** A wait before the next Enter, because another session holds the name. */
  readonly isPaused: boolean;
  readonly isUpdateDue: boolean;
  /**
   * Wanted out while an update was under way, and not out yet: it leaves before it enters again, whatever
   * is wanted meanwhile. An office that was given up is never taken again.
   */
  readonly isLeaving: boolean;
  /** Told to be gone while an Enter is under way: its answer decides whether that was before or after. */
  readonly goneMeanwhile: Cause | undefined;
}

export type MachineEvent =
  | { readonly kind: "want"; readonly want: "in" | "out" }
  | { readonly kind: "update" }
  | { readonly kind: "retry" }
  | {
      readonly kind: "fact";
      readonly epoch: number;
      readonly fact: Fact;
      /** 0 when it is fresh; else the number of the renewal that has to confirm it. */
      readonly confirmedBy: bigint;
    }
  | {
      readonly kind: "answered";
      readonly epoch: number;
      readonly fact: Fact;
      readonly confirmedBy: bigint;
    }
  | { readonly kind: "held-by-another"; readonly epoch: number }
  | { readonly kind: "not-a-candidate"; readonly epoch: number; readonly error: ElectionError }
  | { readonly kind: "refused"; readonly epoch: number; readonly error: ElectionError }
  | { readonly kind: "session-ended"; readonly epoch: number };

export type MachineEffect =
  /** Put the candidacy into a session that lives on its partition. */
  | { readonly kind: "open"; readonly epoch: number }
  | { readonly kind: "send"; readonly command: "enter" | "withdraw" | "update" }
  | { readonly kind: "pause" }
  /** Office at this term is over. */
  | { readonly kind: "deposed"; readonly term: bigint; readonly cause: Cause }
  /** It is out although it was wanted in. It stays out until wanted in again. */
  | { readonly kind: "gone"; readonly cause: Cause }
  | { readonly kind: "failed"; readonly error: ElectionError }
  | { readonly kind: "updated"; readonly error?: ElectionError }
  | { readonly kind: "left" };

export interface Step {
  readonly state: MachineState;
  readonly effects: readonly MachineEffect[];
}

export const OUTSIDE: MachineState = {
  want: "out",
  epoch: 0,
  place: "outside",
  term: 0n,
  revision: 0n,
  confirmedBy: 0n,
  inFlight: "none",
  isPaused: false,
  isUpdateDue: false,
  isLeaving: false,
  goneMeanwhile: undefined,
};

/**
 * Whether the server has said that this candidacy leads. What is told while its Enter is under way may be
 * about the candidacy before it, by a node that lags: the answer to the Enter tells them apart.
 */
export function isInOffice({ place, inFlight }: MachineState): boolean {
  return place === "leading" && inFlight !== "enter";
}

export function step(state: MachineState, event: MachineEvent): Step {
  if ("epoch" in event && event.epoch !== state.epoch) return { state, effects: [] };
  switch (event.kind) {
    case "want":
      return act(
        {
          ...state,
          want: event.want,
          isPaused: false,
          isLeaving: state.isLeaving || (event.want === "out" && state.inFlight === "update"),
        },
        [],
      );
    case "update":
      return act({ ...state, isUpdateDue: true }, []);
    case "retry":
      return act({ ...state, isPaused: false }, []);
    case "fact":
      return learn(state, event.fact, event.confirmedBy);
    case "answered":
      return answered(state, event.fact, event.confirmedBy);
    case "held-by-another":
      return act(
        { ...state, inFlight: "none", place: "outside", isPaused: true },
        state.want === "in" ? [{ kind: "pause" }] : [],
      );
    case "not-a-candidate":
      return notACandidate(state, event.error);
    case "refused":
      return refused(state, event.error);
    case "session-ended":
      return sessionEnded(state);
    default:
      return unreachable(event);
  }
}

/** What is to be done next, given what is wanted and that nothing is in flight. */
function act(state: MachineState, effects: readonly MachineEffect[]): Step {
  if (state.inFlight !== "none") return { state, effects };
  const isOutside = state.place === "outside";
  if (state.want === "in" && isOutside && !state.isPaused) {
    // What is still on its way about an earlier entry ends at its revision: this one begins above it.
    const epoch = state.epoch + 1;
    const entering: MachineState = {
      ...state,
      epoch,
      place: "unknown",
      revision: state.revision + 1n,
      confirmedBy: 0n,
      isUpdateDue: false,
      isLeaving: false,
      goneMeanwhile: undefined,
    };
    const left: MachineEffect[] = state.isLeaving ? [{ kind: "left" }] : [];
    return send(entering, "enter", [...effects, ...left, { kind: "open", epoch }]);
  }
  const isToLeave = state.want === "out" || state.isLeaving;
  if (isToLeave && !isOutside) return send(state, "withdraw", effects);
  if (state.want === "out") {
    return { state: { ...state, isLeaving: false }, effects: [...effects, { kind: "left" }] };
  }
  if (state.isUpdateDue && !isOutside) {
    return send({ ...state, isUpdateDue: false }, "update", effects);
  }
  return { state, effects };
}

function send(
  state: MachineState,
  command: "enter" | "withdraw" | "update",
  effects: readonly MachineEffect[],
): Step {
  return {
    state: { ...state, inFlight: command },
    effects: [...effects, { kind: "send", command }],
  };
}

function answered(state: MachineState, fact: Fact, confirmedBy: bigint): Step {
  const idle: MachineState = { ...state, inFlight: "none" };
  switch (state.inFlight) {
    case "enter":
      return entered(idle, fact, confirmedBy);
    case "withdraw":
      return withdrawn(idle, fact);
    case "update": {
      const learnt = learn(idle, fact, confirmedBy);
      return { state: learnt.state, effects: [...learnt.effects, { kind: "updated" }] };
    }
    case "none":
      return { state, effects: [] };
    default:
      return unreachable(state.inFlight);
  }
}

function entered(state: MachineState, fact: Fact, confirmedBy: bigint): Step {
  const { goneMeanwhile: cause } = state;
  const heardNothingSince = state.place === "unknown" && cause === undefined;
  if (heardNothingSince) return learn({ ...state, revision: 0n }, fact, confirmedBy);
  if (state.place === "unknown" && cause !== undefined && fact.revision < state.revision) {
    return gone(state, { place: "gone", revision: state.revision, term: state.term, cause });
  }
  return learn({ ...state, goneMeanwhile: undefined }, fact, confirmedBy);
}

/**
 * Takes in what is true at a revision. Equal revisions are taken too: an answer and a push tell of
 * one change, and the fresher of the two may lift the wait for a confirmation.
 */
function learn(state: MachineState, fact: Fact, confirmedBy: bigint): Step {
  const isOld = state.place === "outside" || fact.revision < state.revision;
  if (isOld) return act(state, []);
  if (fact.place === "gone") return gone(state, fact);
  const isSameOffice =
    state.place === "leading" && fact.place === "leading" && state.term === fact.term;
  return act(
    {
      ...state,
      place: fact.place,
      term: fact.term,
      revision: fact.revision,
      // What has been believed once does not become doubtful because it is told again.
      confirmedBy: isSameOffice && state.confirmedBy === 0n ? 0n : confirmedBy,
    },
    isSameOffice ? [] : deposal(state, fact.cause),
  );
}

/** The candidacy is over on the server. */
function gone(state: MachineState, fact: Fact): Step {
  const { cause } = fact;
  const effects = deposal(state, cause);
  const revision = later(state.revision, fact.revision);
  // The Enter under way may come after the end that is told of: its answer will tell.
  if (state.inFlight === "enter") {
    return { state: { ...state, revision, place: "unknown", goneMeanwhile: cause }, effects };
  }
  const outside: MachineState = { ...state, revision, place: "outside", isPaused: false };
  if (state.inFlight === "withdraw") return act(outside, effects);
  if (state.want === "out") return act(outside, effects);
  // An update still in flight belongs to the candidacy that is gone: its answer must find no one.
  const bereft: MachineState = { ...outside, inFlight: "none", epoch: state.epoch + 1 };
  if (state.isLeaving) return act(bereft, effects);
  return {
    state: { ...bereft, want: "out" },
    effects: [...effects, { kind: "gone", cause }],
  };
}

/** Our own Withdraw has been answered. */
function withdrawn(state: MachineState, fact: Fact): Step {
  const revision = later(state.revision, fact.revision);
  return act({ ...state, revision, place: "outside" }, deposal(state, fact.cause));
}

function deposal(state: MachineState, cause: Cause): MachineEffect[] {
  return state.place === "leading" ? [{ kind: "deposed", term: state.term, cause }] : [];
}

const later = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** Gone, but nobody has said why or at which revision. */
function goneUnheard(state: MachineState, cause: Cause): Step {
  return gone(state, { place: "gone", revision: state.revision, term: state.term, cause });
}

function notACandidate(state: MachineState, error: ElectionError): Step {
  return state.inFlight === "enter"
    ? refused(state, error)
    : goneUnheard({ ...state, inFlight: "none" }, "unknown");
}

function refused(state: MachineState, error: ElectionError): Step {
  const idle: MachineState = { ...state, inFlight: "none" };
  switch (state.inFlight) {
    case "update":
      return act(idle, [{ kind: "updated", error }]);
    case "enter": {
      const outside: MachineState = { ...idle, want: "out", place: "outside" };
      if (state.want === "out") return act(outside, []);
      return { state: outside, effects: [{ kind: "failed", error }] };
    }
    default:
      // A withdrawal is refused only where the candidacy is not ours any more.
      return goneUnheard(idle, "unknown");
  }
}

function sessionEnded(state: MachineState): Step {
  if (state.place === "outside") return act({ ...state, inFlight: "none" }, []);
  return goneUnheard({ ...state, inFlight: "none" }, "expired");
}
