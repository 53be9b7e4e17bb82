// SPDX-License-Identifier: Apache-2.0
/**
 * One attachment of the core where nothing can be streamed to the server: its frames become unary
 * calls, and what a page's common stream tells of it becomes frames.
 *
 * It asks for streams and never opens one. Nothing is asked twice: what was lost on the way ends the
 * attachment, and the core asks again under the same ids.
 */

import {
  create,
  type DescMessage,
  type DescMethodUnary,
  type MessageShape,
} from "@bufbuild/protobuf";
import {
  type AttachCommand,
  type AttachHello,
  type AttachReply,
  AttachReplySchema,
  type AttachRequest,
  type AttachResponse,
  AttachResponseSchema,
  AttachWatchEventSchema,
  AttachWatchSchema,
  CandidacyState,
  CloseSessionRequestSchema,
  ElectionService,
  type FrameError,
  FrameErrorSchema,
  KeepAliveRequestSchema,
  LeaseSchema,
  LeaseStatus,
  type Listener,
  ListenerSchema,
  OpenSessionRequestSchema,
  type OpenSessionResponse,
  Outcome,
  Reason,
  type Renewal,
  SessionService,
  type WatchRequest,
} from "@conclave/api";
import { homeOf } from "./home.ts";
import type { Attachment, AttachmentListener } from "./link.ts";
import { ToldCandidacies } from "./web-link-told.ts";
import { errorFromFrame, isTransient } from "./wire-errors.ts";

export interface WebAttachmentOwner {
  /** What is to be heard has changed. */
  changed(): void;
  /** Closed by the core, or ended by itself alone. */
  left(attachment: WebAttachment): void;
  /** The connection is gone, for all that share it. */
  lost(cause: unknown): void;
  ask<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    message: MessageShape<I>,
    signal: AbortSignal,
  ): Promise<MessageShape<O> | FrameError>;
  /** Leaves at once and outlives the page. */
  askLast<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    message: MessageShape<I>,
  ): Promise<MessageShape<O> | FrameError>;
}

interface Watch {
  readonly request: WatchRequest | undefined;
  /** Where the last event heard says to resume; empty before one did. */
  resume: Uint8Array;
  /** Of its first snapshot something was told, and there is nowhere to resume yet. */
  isHalfTold: boolean;
}

/** The session on one partition, as registered through this attachment. */
interface Registration {
  isConfirmed: boolean;
  /** Enters that were sent before it, which it may be credited to. */
  readonly covered: ReadonlySet<bigint>;
  readonly waiting: AttachCommand[];
}

type FramePart = Parameters<typeof create<typeof AttachResponseSchema>>[1];

export class WebAttachment implements Attachment {
  readonly id: number;
  readonly #owner: WebAttachmentOwner;
  readonly #listener: AttachmentListener;
  readonly #abort = new AbortController();
  readonly #told = new ToldCandidacies();
  readonly #watches = new Map<bigint, Watch>();
  readonly #registrations = new Map<number, Registration>();
  #hello: AttachHello | undefined;
  #partitionCount = 0;
  /** The number of the stream that tells of it; 0 before one has. */
  #stream = 0;

  constructor(id: number, owner: WebAttachmentOwner, listener: AttachmentListener) {
    this.id = id;
    this.#owner = owner;
    this.#listener = listener;
  }

  get isOver(): boolean {
    return this.#abort.signal.aborted;
  }

  /** The number of the stream that tells of it; 0 before one has. */
  get stream(): number {
    return this.#stream;
  }

  get isWatching(): boolean {
    return this.#watches.size > 0;
  }

  /** What to listen for, from where it was told last; nothing before the core has said who it is. */
  asListener(isPoll: boolean): Listener | undefined {
    if (this.#hello === undefined) return undefined;
    const watches = [...this.#watches].map(([id, { request, resume }]) =>
      create(AttachWatchSchema, {
        id,
        ...(request === undefined
          ? {}
          : { request: resume.length === 0 ? request : resumed(request, resume) }),
      }),
    );
    const told = isPoll ? this.#told.progress : [];
    return create(ListenerSchema, { id: this.id, hello: this.#hello, watches, told });
  }

  send(frame: AttachRequest): void {
    if (this.isOver) return;
    for (const id of frame.unwatch) this.#watches.delete(id);
    for (const { id, request } of frame.watches) {
      this.#watches.set(id, { request, resume: new Uint8Array(), isHalfTold: false });
    }
    this.#hello ??= frame.hello;
    const isToBeHeard =
      frame.hello !== undefined || frame.watches.length + frame.unwatch.length > 0;
    if (isToBeHeard) this.#owner.changed();
    this.#command(frame.commands);
    for (const renewal of frame.renewals) {
      for (const partition of renewal.partitions) this.#renew(renewal, partition);
    }
    if (frame.closeSession) this.#closeSession();
  }

  close(): void {
    if (this.isOver) return;
    this.#abort.abort();
    this.#owner.left(this);
  }

  end(cause: unknown): void {
    if (this.isOver) return;
    this.#abort.abort();
    this.#listener.end(cause);
  }

  /** A frame of the stream of this number; dropped when a later one has begun to tell. */
  hear(stream: number, frame: AttachResponse): void {
    if (stream < this.#stream) return;
    const isFirst = this.#stream === 0;
    const isAnew = stream > this.#stream;
    if (isAnew) this.#told.begin();
    this.#stream = stream;
    if (isAnew && !isFirst) this.#endHalfTold();
    for (const { id, outcome } of frame.watchEvents) {
      const watch = this.#watches.get(id);
      if (outcome.case === "ended") this.#watches.delete(id);
      if (watch === undefined || outcome.case !== "event") continue;
      const { event, resume } = outcome.value;
      if (resume.length > 0) watch.resume = resume;
      watch.isHalfTold =
        watch.resume.length === 0 && (watch.isHalfTold || event.case === "snapshot");
    }
    const gone = this.#told.take(frame);
    if (isAnew) frame.candidacies.sort(lossesFirst);
    const { welcome, topology: _, ...rest } = frame;
    const cluster = welcome?.cluster;
    if (cluster !== undefined) this.#partitionCount = cluster.partitionCount;
    this.#tell({
      ...rest,
      candidacies: [...gone, ...frame.candidacies],
      // A page stays with the endpoints that it was given: a member's own address may be out of its
      // reach, or be another origin.
      ...(isFirst && welcome !== undefined
        ? {
            welcome: {
              ...welcome,
              ...(cluster && { cluster: { ...cluster, members: [], leaders: [] } }),
            },
          }
        : {}),
    });
  }

  /**
   * Their snapshots begin again from the first page: what was deleted since it was told would stay for
   * ever. The core asks for them anew, and then knows what it has to miss.
   */
  #endHalfTold(): void {
    const value = create(FrameErrorSchema, { code: "unavailable" });
    for (const [id, { isHalfTold }] of this.#watches) {
      if (!isHalfTold || !this.#watches.delete(id)) continue;
      const event = create(AttachWatchEventSchema, { id, outcome: { case: "ended", value } });
      this.#tell({ watchEvents: [event] });
    }
  }

  #tell(frame: FramePart): void {
    this.#listener.frame(create(AttachResponseSchema, frame));
  }

  /** What fails on its way, or in being told, ends what shares the connection. */
  #ask<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    message: MessageShape<I>,
    take: (answer: MessageShape<O> | FrameError) => void,
  ): void {
    this.#owner
      .ask(method, message, this.#abort.signal)
      .then((answer) => {
        if (!this.isOver) take(answer);
      })
      .catch((cause: unknown) => {
        if (!this.isOver) this.#owner.lost(cause);
      });
  }

  #command(commands: readonly AttachCommand[]): void {
    const opening = new Map<number, AttachCommand[]>();
    for (const command of commands) {
      if (command.command.case !== "enter") this.#run(command);
      else {
        const home = homeOf(command.command.value.election?.name ?? "", this.#partitionCount);
        const registration = this.#registrations.get(home);
        if (registration?.isConfirmed === true) this.#run(command);
        else if (registration !== undefined) registration.waiting.push(command);
        else opening.set(home, [...(opening.get(home) ?? []), command]);
      }
    }
    for (const [home, enters] of opening) this.#register(home, enters);
  }

  #run({ correlation, command }: AttachCommand): void {
    if (command.case === undefined) return;
    const method: DescMethodUnary = ElectionService.method[command.case];
    this.#ask(method, command.value, (answer) => {
      const reply = isRefusal(answer)
        ? { case: "error", value: answer }
        : { case: command.case, value: answer };
      this.#answer({ correlation, command } as AttachCommand, reply as AttachReply["reply"]);
    });
  }

  #answer(command: AttachCommand, reply: AttachReply["reply"]): void {
    const { correlation } = command;
    const result = reply.case === "enter" ? reply.value.result : undefined;
    // The session was registered for it, after it was sent first: that sending may be credited.
    if (result !== undefined && !result.replayed) {
      const registration = this.#registrations.get(result.partition);
      if (registration?.covered.has(correlation) === true) result.registered = true;
    }
    const answer = create(AttachReplySchema, { correlation, reply });
    this.#tell({ replies: [answer] });
    const gone = this.#told.answered(command, answer);
    if (gone.length > 0 && !this.isOver) this.#tell({ candidacies: gone });
  }

  /** Over Attach an Enter registers its session; here that is asked for before it. */
  #register(partition: number, enters: AttachCommand[]): void {
    const session = this.#hello?.session;
    if (session === undefined) return;
    const covered = new Set(enters.map(({ correlation }) => correlation));
    const registration: Registration = { isConfirmed: false, covered, waiting: enters };
    this.#registrations.set(partition, registration);
    const { sessionId, options } = session;
    const request = create(OpenSessionRequestSchema, {
      sessionId,
      partitions: [partition],
      ...(options === undefined ? {} : { options }),
    });
    this.#ask(SessionService.method.openSession, request, (answer) => {
      const refusal = isRefusal(answer) ? answer : this.#refusalOf(answer, partition);
      if (refusal === undefined) {
        registration.isConfirmed = true;
        for (const enter of registration.waiting.splice(0)) this.#run(enter);
        return;
      }
      this.#registrations.delete(partition);
      for (const enter of registration.waiting) {
        this.#answer(enter, { case: "error", value: refusal });
      }
    });
  }

  #refusalOf({ leases }: OpenSessionResponse, partition: number): FrameError | undefined {
    const lease = leases.find((l) => l.partition === partition);
    if (lease?.status === LeaseStatus.CONFIRMED) return undefined;
    const isEnded = lease?.status === LeaseStatus.ENDED;
    if (isEnded) this.#tell({ leases: [lease] });
    return create(FrameErrorSchema, {
      code: isEnded ? "failed_precondition" : "unavailable",
      message: isEnded ? "the session has ended" : "the session could not be registered in time",
      info: {
        reason: isEnded ? Reason.SESSION_ENDED : Reason.NO_LEADER,
        outcome: Outcome.NOT_APPLIED,
      },
    });
  }

  /** Each partition by a call of its own: one that has no leader must not keep the others waiting. */
  #renew({ number }: Renewal, partition: number): void {
    const sessionId = this.#hello?.session?.sessionId ?? 0n;
    const renewal = { number, partitions: [partition] };
    const request = create(KeepAliveRequestSchema, { sessionId, renewal });
    this.#ask(SessionService.method.keepAlive, request, (answer) => {
      if (!isRefusal(answer)) this.#tell({ leases: answer.leases });
      else if (isTransient(answer)) {
        const status = LeaseStatus.UNCONFIRMED;
        this.#tell({ leases: [create(LeaseSchema, { partition, status })] });
      } else this.#fail(answer);
    });
  }

  #closeSession(): void {
    const sessionId = this.#hello?.session?.sessionId ?? 0n;
    const request = create(CloseSessionRequestSchema, { sessionId });
    this.#owner
      .askLast(SessionService.method.closeSession, request)
      .then((answer) => {
        if (this.isOver) return;
        if (isRefusal(answer)) this.#fail(answer);
        else this.#tell({ goodbye: { reason: "session closed" } });
      })
      .catch((cause: unknown) => {
        if (!this.isOver) this.#owner.lost(cause);
      });
  }

  /** It alone cannot go on. */
  #fail(refusal: FrameError): void {
    this.#owner.left(this);
    this.end(errorFromFrame(refusal));
  }
}

function isRefusal(answer: { readonly $typeName: string }): answer is FrameError {
  return answer.$typeName === FrameErrorSchema.typeName;
}

/** The same watch from where it was told last. */
function resumed(request: WatchRequest, resume: Uint8Array): WatchRequest {
  const { after: _, ...rest } = request;
  return { ...rest, withBase: false, resume };
}

/** What a stream begins with has no order: an office is told of when all that was lost has been. */
function lossesFirst(a: { state: CandidacyState; revision: bigint }, b: typeof a): number {
  const isLeading = (c: typeof a): number => Number(c.state === CandidacyState.LEADING);
  return isLeading(a) - isLeading(b) || (a.revision < b.revision ? -1 : 1);
}
