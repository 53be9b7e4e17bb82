// SPDX-License-Identifier: Apache-2.0
/**
 * Makes of one election's history what the search orders: steps, each of which takes effect at one
 * moment between its call and its return, and what may happen beside them.
 *
 * A command that is answered with a view is two steps: it took effect, and later that was to be seen.
 */

import { unreachable } from "@conclave/base";
import { type ModelState, NOTHING, type Verb } from "./election-model.ts";
import type { Call, History, MayLeave, Operation, SeenElection } from "./operation.ts";

export type Action =
  | { readonly kind: "led"; readonly candidate: string; readonly term: bigint }
  | { readonly kind: "seen"; readonly view: SeenElection }
  | {
      readonly kind: "fence";
      readonly asked: bigint;
      readonly status: string;
      readonly term: bigint;
      readonly revision: bigint;
    }
  | {
      readonly kind: "steer";
      readonly verb: Verb;
      readonly candidate: string;
      readonly ifRevision: bigint | undefined;
    }
  | { readonly kind: "delete"; readonly ifRevision: bigint | undefined }
  | { readonly kind: "withdraw"; readonly candidate: string }
  | { readonly kind: "touch"; readonly candidate: string }
  /** `candidate` undefined: it is the election that was not there. */
  | {
      readonly kind: "not-found";
      readonly candidate: string | undefined;
      readonly ifRevision: bigint | undefined;
    }
  | { readonly kind: "conflict"; readonly ifRevision: bigint };

export interface Step {
  readonly operation: Operation;
  readonly action: Action;
  readonly callNs: bigint;
  readonly returnNs: bigint;
  /** The step that comes before it. */
  readonly after: Step | undefined;
  /** It changes nothing, and only says what was there. */
  readonly isReading: boolean;
  /** All commands of one request id: the first that takes effect is the only one. */
  readonly request: string | undefined;
}

/** A command without an answer: it may take effect once, from its call on, or never. */
export interface OpenCommand extends Omit<Step, "returnNs" | "after" | "isReading"> {
  readonly returnNs: undefined;
}

/** A campaign puts its candidate in, and in again where its session ended while it waited. */
interface MayEnter {
  readonly candidate: string;
  readonly client: string;
  readonly takesOver: boolean;
  readonly fromNs: bigint;
  readonly untilNs: bigint | undefined;
  /** The step with which it was over. */
  readonly endedBy: Step | undefined;
}

export interface Plan {
  readonly beginning: ModelState;
  readonly steps: readonly Step[];
  readonly openCommands: readonly OpenCommand[];
  readonly mayEnter: readonly MayEnter[];
  readonly mayLeave: readonly Omit<MayLeave, "election">[];
}

/** Before everything: a stale read may show any past. */
const EVER = -1n;
/** Refused before anything was begun. */
const NEVER_BEGUN: readonly string[] = ["INVALID", "DENIED", "QUOTA"];

/** @param history of one election. */
export function planOf({ operations, mayLeave, beginningOf }: History): Plan {
  const [first] = operations;
  const began = first && beginningOf?.(first.election);
  const plan = {
    beginning: began === undefined ? NOTHING : { ...NOTHING, ...began, isExact: began.exists },
    steps: [] as Step[],
    openCommands: [] as OpenCommand[],
    mayEnter: [] as MayEnter[],
    mayLeave: [...mayLeave] as Omit<MayLeave, "election">[],
  };
  const nextCampaigns = nextCampaignOf(operations);
  for (const operation of operations) {
    const { call } = operation;
    switch (call.kind) {
      case "campaign":
        addCampaign(plan, operation, call, nextCampaigns.get(operation));
        break;
      case "resign":
        addResignation(plan, operation, call.candidate, nextCampaigns.get(operation));
        break;
      case "get":
      case "check-fence":
        addReading(plan, operation);
        break;
      default:
        addCommand(plan, operation);
    }
  }
  return plan;
}

/** No change may have a later revision before it; undefined where the answer names none. */
export function revisionOf({ action }: Step): bigint | undefined {
  if (action.kind === "fence") return action.revision;
  const isThere = action.kind === "seen" && action.view.revision > 0n;
  return isThere ? action.view.revision : undefined;
}

/** As `revisionOf`, for terms. */
export function termOf({ action }: Step): bigint | undefined {
  if (action.kind === "seen") return action.view.term;
  return action.kind === "led" || action.kind === "fence" ? action.term : undefined;
}

type Growing = {
  -readonly [K in Exclude<keyof Plan, "beginning">]: Plan[K][number][];
};

/** When the same client stands for the same name again: by then it has left in between. */
function nextCampaignOf(operations: readonly Operation[]): Map<Operation, bigint> {
  const latestFirst = operations
    .filter(({ call }) => call.kind === "campaign" || call.kind === "resign")
    .sort((a, b) => (a.startNs < b.startNs ? 1 : -1));
  const next = new Map<Operation, bigint>();
  const starts = new Map<string, bigint>();
  for (const operation of latestFirst) {
    const { client, call, startNs } = operation;
    if (!("candidate" in call)) continue;
    const name = `${client}\n${call.candidate}`;
    const start = starts.get(name);
    if (start !== undefined) next.set(operation, start);
    if (call.kind === "campaign") starts.set(name, startNs);
  }
  return next;
}

function addCampaign(
  plan: Growing,
  operation: Operation,
  { candidate, takeover = false }: Extract<Call, { readonly kind: "campaign" }>,
  nextNs: bigint | undefined,
): void {
  const { client, startNs, endNs, result } = operation;
  if (result?.kind === "refused" && NEVER_BEGUN.includes(result.code)) return;
  const common = { candidate, client, fromNs: startNs };
  if (result?.kind === "led" && endNs !== undefined) {
    const action = { kind: "led", candidate, term: result.term } as const;
    const endedBy = stepOf(operation, action, endNs);
    plan.steps.push(endedBy);
    plan.mayEnter.push({ ...common, takesOver: takeover, untilNs: endNs, endedBy });
    return;
  }
  // It was evicted, was too late or gave up: then its client takes it out when it can.
  const untilNs = result?.kind === "refused" ? endNs : undefined;
  plan.mayEnter.push({ ...common, takesOver: takeover, untilNs, endedBy: undefined });
  plan.mayLeave.push({ ...common, untilNs: nextNs });
}

function addResignation(
  plan: Growing,
  operation: Operation,
  candidate: string,
  nextNs: bigint | undefined,
): void {
  const { client, startNs, endNs, result } = operation;
  if (result?.kind === "done" && endNs !== undefined) {
    plan.steps.push(stepOf(operation, { kind: "withdraw", candidate }, endNs));
  } else {
    plan.mayLeave.push({ candidate, client, fromNs: startNs, untilNs: nextNs });
  }
}

function addReading(plan: Growing, operation: Operation): void {
  const { call, result, endNs } = operation;
  if (endNs === undefined) return;
  if (result?.kind === "view") {
    const isStale = call.kind === "get" && call.read === "stale";
    const step = stepOf(operation, { kind: "seen", view: result.view }, endNs);
    plan.steps.push(isStale ? { ...step, callNs: EVER } : step);
  } else if (result?.kind === "fence" && call.kind === "check-fence") {
    const { status, term, revision } = result;
    const action = { kind: "fence", asked: call.term, status, term, revision } as const;
    plan.steps.push(stepOf(operation, action, endNs));
  }
}

function addCommand(plan: Growing, operation: Operation): void {
  const { result, endNs } = operation;
  const action = commandOf(operation);
  if (result === undefined || result.kind === "unknown" || endNs === undefined) {
    const { isReading: _, after: __, ...open } = stepOf(operation, action, operation.startNs);
    plan.openCommands.push({ ...open, returnNs: undefined });
    return;
  }
  if (result.kind === "refused") {
    const refusal = refusalOf(action, result.code);
    if (refusal !== undefined) plan.steps.push(stepOf(operation, refusal, endNs));
    return;
  }
  const effect = stepOf(operation, action, endNs);
  plan.steps.push(effect);
  if (result.kind !== "view") return;
  const seen = stepOf(operation, { kind: "seen", view: result.view }, endNs);
  plan.steps.push({ ...seen, after: effect });
}

type Command = Extract<Action, { kind: "steer" | "delete" | "touch" }>;

function commandOf({ call }: Operation): Command {
  switch (call.kind) {
    case "anoint":
    case "promote":
    case "demote":
    case "evict": {
      const { kind: verb, candidate, ifRevision } = call;
      return { kind: "steer", verb, candidate, ifRevision: conditionOf(ifRevision) };
    }
    case "update":
      return { kind: "touch", candidate: call.candidate };
    case "delete":
      return { kind: "delete", ifRevision: conditionOf(call.ifRevision) };
    default:
      return unreachable(call as never);
  }
}

/** Revision 0, that of an election that does not exist, is no condition on the wire. */
function conditionOf(ifRevision: bigint | undefined): bigint | undefined {
  return ifRevision === 0n ? undefined : ifRevision;
}

/** What a refusal says of the election; undefined where it says nothing of it. */
function refusalOf(command: Command, code: string): Action | undefined {
  if (command.kind === "touch") return undefined;
  const { ifRevision } = command;
  if (code === "NOT_FOUND") {
    const candidate = command.kind === "steer" ? command.candidate : undefined;
    return { kind: "not-found", candidate, ifRevision };
  }
  return code === "CONFLICT" && ifRevision !== undefined
    ? { kind: "conflict", ifRevision }
    : undefined;
}

function stepOf(operation: Operation, action: Action, returnNs: bigint): Step {
  const { call, startNs } = operation;
  const requestId = "requestId" in call ? call.requestId : undefined;
  const isReading = !["steer", "delete", "withdraw", "touch"].includes(action.kind);
  return {
    operation,
    action,
    callNs: startNs,
    returnNs,
    after: undefined,
    isReading,
    // What was seen after a command is of its own time, not of the first execution's.
    request: action.kind === "seen" ? undefined : requestId,
  };
}
