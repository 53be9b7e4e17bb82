// SPDX-License-Identifier: Apache-2.0
/**
 * Single questions: readings and operators' commands, each with a bound on its patience.
 */

import { create } from "@bufbuild/protobuf";
import {
  AdminOptionsSchema,
  AnointRequestSchema,
  CheckFenceRequestSchema,
  DeleteRequestSchema,
  DemoteRequestSchema,
  type ElectionRef,
  type ElectionView,
  EvictRequestSchema,
  GetRequestSchema,
  ListRequestSchema,
  PrimitiveKind,
  PromoteRequestSchema,
  type AdminOptions as WireAdminOptions,
} from "@conclave/api";
import { ANYWHERE } from "./attachments.ts";
import type { Answer, CancelCall, Command, Reply } from "./calls.ts";
import { checkName, checkUint64 } from "./campaign-options.ts";
import { createDeferred } from "./deferred.ts";
import type {
  AdminOptions,
  ElectionAdmin,
  FenceCheck,
  ListOptions,
  ReadOptions,
} from "./election.ts";
import { ElectionError } from "./error.ts";
import type { Runtime } from "./link.ts";
import { unanswered } from "./loss-errors.ts";
import type { PlainChannel } from "./plain-channel.ts";
import { orAborted } from "./turnstile.ts";
import type { View } from "./view.ts";
import { errorFromFrame } from "./wire-errors.ts";
import { electionRef, fenceCheckOf, viewOf } from "./wire-values.ts";

export interface RequestContext {
  readonly runtime: Runtime;
  readonly channel: PlainChannel;
  readonly namespace: string;
  readonly homeOf: (election: string) => number;
  /** Aborted, with CLOSED, when the client is. */
  readonly closing: AbortSignal;
  /** Why the last attempt to connect failed, for who waited in vain. */
  readonly lastFailure: () => unknown;
}

/** Rides out a fail-over of the server several times over. */
const READ_PATIENCE_MS = 10_000;
/** The server remembers request ids; after this long it may have forgotten one (semantics A3). */
const ADMIN_PATIENCE_MS = 60_000;

export async function getView(
  context: RequestContext,
  name: string,
  options: ReadOptions,
): Promise<View> {
  const value = create(GetRequestSchema, {
    election: electionRef(context.namespace, name),
    stale: options.read === "stale",
  });
  const question = { partition: context.homeOf(name), command: { case: "get", value } } as const;
  const reply = await request(context, question, "get", READ_PATIENCE_MS, options);
  return present(reply.view);
}

export async function checkFence(
  context: RequestContext,
  name: string,
  term: bigint,
  options: { readonly signal?: AbortSignal },
): Promise<FenceCheck> {
  checkUint64("term", term);
  const election = electionRef(context.namespace, name);
  const value = create(CheckFenceRequestSchema, { election, term });
  const command: Command = { case: "checkFence", value };
  const question = { partition: context.homeOf(name), command };
  return fenceCheckOf(await request(context, question, "checkFence", READ_PATIENCE_MS, options));
}

export async function* listViews(
  context: RequestContext,
  prefix: string,
  options: ListOptions,
): AsyncGenerator<View, void, undefined> {
  let pageToken = "";
  do {
    const value = create(ListRequestSchema, {
      namespace: context.namespace,
      prefix,
      kind: PrimitiveKind.ELECTION,
      vacant: options.vacant ?? false,
      pageSize: 1000,
      pageToken,
    });
    const command: Command = { case: "list", value };
    const question = { partition: ANYWHERE, command };
    const page = await request(context, question, "list", READ_PATIENCE_MS, options);
    for (const view of page.elections) yield viewOf(view);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}

export function createAdmin(context: RequestContext, name: string): ElectionAdmin {
  const election = electionRef(context.namespace, name);
  const ask = async <C extends "anoint" | "promote" | "demote" | "evict">(
    command: Command & { case: C },
    options: AdminOptions,
  ): Promise<View> => {
    checkName("candidate", command.value.candidate);
    const question = { partition: context.homeOf(name), command };
    const reply = await request<C>(context, question, command.case, ADMIN_PATIENCE_MS, options);
    return present(reply.view);
  };
  const fields = (candidate: string, options: AdminOptions): AdminFields => ({
    election,
    candidate,
    options: wireOptions(context, options),
  });
  return {
    anoint: async (candidate, options = {}) => {
      const value = create(AnointRequestSchema, fields(candidate, options));
      return ask({ case: "anoint", value }, options);
    },
    promote: async (candidate, options = {}) => {
      const value = create(PromoteRequestSchema, fields(candidate, options));
      return ask({ case: "promote", value }, options);
    },
    demote: async (candidate, options = {}) => {
      const value = create(DemoteRequestSchema, fields(candidate, options));
      return ask({ case: "demote", value }, options);
    },
    evict: async (candidate, options = {}) => {
      const value = create(EvictRequestSchema, fields(candidate, options));
      return ask({ case: "evict", value }, options);
    },
    delete: async (options = {}) => {
      const value = create(DeleteRequestSchema, {
        election,
        options: wireOptions(context, options),
      });
      const command: Command = { case: "delete", value };
      const question = { partition: context.homeOf(name), command };
      await request(context, question, "delete", ADMIN_PATIENCE_MS, options);
    },
  };
}

interface AdminFields {
  readonly election: ElectionRef;
  readonly candidate: string;
  readonly options: WireAdminOptions;
}

function wireOptions({ runtime }: RequestContext, options: AdminOptions): WireAdminOptions {
  const ifRevision = options.revision ?? 0n;
  checkUint64("revision", ifRevision);
  return create(AdminOptionsSchema, {
    ifRevision,
    reason: options.reason ?? "",
    requestId: options.requestId ?? runtime.drawSessionId().toString(16),
  });
}

type ReplyValue<C extends Reply["case"]> = Extract<Reply, { case: C }>["value"];

interface Question {
  readonly partition: number;
  readonly command: Command;
}

/** Asks until answered, refused, aborted or out of patience. */
async function request<C extends Answer["reply"]["case"]>(
  context: RequestContext,
  { partition, command }: Question,
  kind: C,
  patienceMs: number,
  { signal }: { readonly signal?: AbortSignal },
): Promise<ReplyValue<C>> {
  const { promise, resolve, reject } = createDeferred<ReplyValue<C>>();
  if (context.closing.aborted) throw context.closing.reason;
  const fate = new Fate();
  const cancel: CancelCall = context.channel.ask(partition, command, {
    sending: () => fate.sending(),
    answered: ({ reply }) => {
      if (reply.case === kind) resolve(reply.value as ReplyValue<C>);
      else reject(new ElectionError("INTERNAL", `${kind} was answered with ${reply.case}`));
    },
    refused: (error) => reject(errorFromFrame(error)),
    delayed: (error) => fate.delayed(errorFromFrame(error)),
  });
  const cancelTimer = context.runtime.clock.setTimer(patienceMs, () => {
    reject(fate.lastRefusal ?? timeout(context, patienceMs));
  });
  try {
    const untilClosed = orAborted(promise, context.closing);
    return await (signal === undefined ? untilClosed : orAborted(untilClosed, signal));
  } catch (error) {
    const isAnswer = error !== fate.lastRefusal && error !== context.closing.reason;
    throw isAnswer || !fate.isOpen ? error : unanswered(ElectionError.from(error));
  } finally {
    cancelTimer();
    cancel();
  }
}

/**
 * What may have become of a command that was sent again and again. A refusal speaks for its own sending
 * only: one before it whose answer was lost may have been carried out, or may still be.
 */
class Fate {
  lastRefusal: ElectionError | undefined;
  #isUnderWay = false;
  #wasLost = false;

  /** Whether it may have taken effect, or may yet. */
  get isOpen(): boolean {
    return this.#isUnderWay || this.#wasLost;
  }

  sending(): void {
    this.#wasLost ||= this.#isUnderWay;
    this.#isUnderWay = true;
  }

  delayed(refusal: ElectionError): void {
    this.#isUnderWay = false;
    this.#wasLost ||= refusal.outcome !== "not-applied";
    this.lastRefusal = refusal;
  }
}

function timeout(context: RequestContext, patienceMs: number): ElectionError {
  return new ElectionError("TIMEOUT", `no answer within ${patienceMs} ms`, {
    retryable: true,
    cause: context.lastFailure(),
  });
}

function present(view: ElectionView | undefined): View {
  if (view === undefined) throw new ElectionError("INTERNAL", "the answer has no view");
  return viewOf(view);
}
