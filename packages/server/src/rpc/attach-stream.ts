// SPDX-License-Identifier: Apache-2.0
/**
 * One Attach stream: everything of one session, frames in and frames out.
 *
 * The reading side handles each frame to its end when it comes; the answers gather in the outbox. How
 * the stream ends decides about the disconnect grace: an end that came from the client is reported to
 * the partitions, one that the server brought about is not (semantics A2, schedule E).
 */

import type { AttachRequest, AttachResponse } from "@conclave/api";
import type { OpenSession } from "@conclave/fsm";
import { Code, ConnectError } from "@connectrpc/connect";
import type { AttachmentId } from "../replica/deadlines.ts";
import type { ElectionNode } from "../replica/election-node.ts";
import { isFailure } from "../wire/bounds.ts";
import { connectErrorOf, type Failure, invalidField, notApplied } from "../wire/failure.ts";
import { instanceOf } from "../wire/instance.ts";
import { openSessionOf, renewalOf } from "../wire/session-requests.ts";
import { candidacyOf, leaseOf } from "../wire/views.ts";
import { AttachCommands } from "./attach-commands.ts";
import { AttachedWatches } from "./attached-watches.ts";
import { closeSession } from "./close-session.ts";
import { clusterInfoOf } from "./cluster-info.ts";
import type { Connection } from "./connection-context.ts";
import { Outbox } from "./outbox.ts";

export class AttachStream {
  readonly #node: ElectionNode;
  readonly #connection: Pick<Connection, "endedByServer"> | undefined;
  readonly #attachment: AttachmentId;
  readonly #outbox: Outbox;
  readonly #watches: AttachedWatches;
  readonly #commands: AttachCommands;
  readonly #cleanups: (() => void)[] = [];
  #opening: OpenSession | undefined;
  #hasHello = false;
  #isShuttingDown = false;
  #isInputEnded = false;
  #closingsOpen = 0;
  #isSessionClosed = false;
  /** Its end was the client's and has been reported. */
  #isClientGone = false;
  #isClosed = false;

  constructor(node: ElectionNode, connection: Pick<Connection, "endedByServer"> | undefined) {
    this.#node = node;
    this.#connection = connection;
    this.#attachment = node.nextAttachmentId();
    this.#watches = new AttachedWatches(node, () => this.#outbox.sourceReady());
    this.#outbox = new Outbox(this.#watches, () => this.#fail(notApplied("slow_watcher")));
    this.#commands = new AttachCommands(node, this.#attachment, this.#outbox, () => this.#idle());
    this.#cleanups.push(
      node.onShutdown(() => {
        this.#isShuttingDown = true;
        this.#idle();
      }),
    );
  }

  /** Reads the client's frames until it ends them. */
  async read(requests: AsyncIterable<AttachRequest>): Promise<void> {
    try {
      for await (const request of requests) if (!this.take(request)) return;
    } catch (error) {
      this.broken(error);
      return;
    }
    this.inputEnded();
  }

  /** A frame has come. False after the end: what comes then has no answer, so it is not carried out. */
  take(request: AttachRequest): boolean {
    if (this.#outbox.ended !== undefined) return false;
    const failure = this.#handle(request);
    if (failure !== undefined) this.#fail(failure);
    return true;
  }

  /** What has come is no frame, or the client has reset its stream. */
  broken(error: unknown): void {
    // Said to a client that still reads; one that has reset its stream is gone.
    if (isUnreadable(error)) this.#outbox.end({ kind: "unreadable", error });
    this.close();
  }

  /** The client has ended its side in order. */
  inputEnded(): void {
    this.#isInputEnded = true;
    this.#reportDisconnect();
    this.#idle();
  }

  /** The frames to send, until the stream ends. */
  async *frames(): AsyncGenerator<AttachResponse> {
    for (;;) {
      const frame = this.#outbox.take();
      const end = this.#outbox.ended;
      if (frame !== undefined) {
        yield frame;
      } else if (end === undefined) {
        await this.#outbox.wait();
      } else {
        if (end.kind === "failed") throw connectErrorOf(end.failure);
        if (end.kind === "unreadable") throw end.error;
        if (end.kind === "goodbye") yield goodbye(end.reason);
        return;
      }
    }
  }

  /** The stream is at its end, whoever brought it about. Safe to call again. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#reportDisconnect();
    this.#outbox.end({ kind: "gone" });
    for (const cleanup of this.#cleanups) cleanup();
    this.#watches.closeAll();
  }

  #reportDisconnect(): void {
    const isEndedByServer =
      this.#outbox.ended !== undefined ||
      this.#isShuttingDown ||
      this.#connection?.endedByServer === true;
    if (isEndedByServer) return;
    this.#isClientGone = true;
    this.#tellDisconnected();
  }

  #tellDisconnected(): void {
    if (this.#opening === undefined) return;
    for (const partition of this.#node.partitions) {
      partition.disconnect(this.#opening.sessionId, this.#attachment);
    }
  }

  #handle(request: AttachRequest): Failure | undefined {
    if (request.hello === undefined) {
      if (!this.#hasHello) return invalidField("hello", "must be in the first frame");
    } else {
      const failure = this.#greet(request.hello);
      if (failure !== undefined) return failure;
    }
    const giveUpAtMs = this.#node.giveUpAtMs();
    // Answers may be more than can wait, which closes the stream in the midst of the frame: what was
    // opened after that would never be closed.
    for (const command of request.commands) {
      if (this.#isClosed) return undefined;
      this.#commands.run(command, giveUpAtMs);
    }
    for (const watch of request.watches) {
      if (this.#isClosed) return undefined;
      this.#watches.open(watch);
    }
    if (this.#isClosed) return undefined;
    for (const id of request.unwatch) this.#watches.close(id);
    const failure = this.#renew(request);
    if (failure !== undefined) return failure;
    return request.closeSession ? this.#closeSession(giveUpAtMs) : undefined;
  }

  #greet({ session }: NonNullable<AttachRequest["hello"]>): Failure | undefined {
    if (this.#hasHello) return invalidField("hello", "only in the first frame");
    this.#hasHello = true;
    this.#cleanups.push(
      this.#node.onTopology(() => this.#outbox.topology(clusterInfoOf(this.#node))),
    );
    const cluster = clusterInfoOf(this.#node);
    if (session === undefined) {
      this.#outbox.welcome({ $typeName: "conclave.v1.AttachWelcome", instance: "", cluster });
      return undefined;
    }
    const { sessionId, options } = session;
    if (sessionId === 0n) return invalidField("hello.session.session_id", "must not be 0");
    const opening = openSessionOf(sessionId, options, "hello.session.options.");
    if (isFailure(opening)) return opening;
    const isMismatched = this.#node.partitions.some((partition) => {
      const known = partition.session(sessionId);
      if (known === undefined || known === "ended") return false;
      return known.ttlMs !== opening.ttlMs || known.graceMs !== opening.graceMs;
    });
    if (isMismatched) return notApplied("session_mismatch");
    this.#opening = opening;
    this.#commands.openedBy(opening);
    const instance = instanceOf(sessionId);
    this.#outbox.welcome({ $typeName: "conclave.v1.AttachWelcome", instance, cluster });
    for (const partition of this.#node.partitions) {
      this.#cleanups.push(
        partition.attach(sessionId, {
          candidacy: (event) => this.#outbox.candidacy(candidacyOf(event)),
          candidaciesTold: (number, revision) =>
            this.#outbox.candidaciesTold({
              $typeName: "conclave.v1.Progress",
              partition: number,
              revision,
            }),
        }),
      );
    }
    return undefined;
  }

  #renew({ renewals }: AttachRequest): Failure | undefined {
    for (const renewal of renewals) {
      if (this.#opening === undefined) return invalidField("renewals", "only with a session");
      const checked = renewalOf(renewal, this.#node.cluster.partitionCount, "renewals");
      if (isFailure(checked)) return checked;
      for (const partition of checked.partitions) {
        this.#node.partition(partition).renew({
          sessionId: this.#opening.sessionId,
          number: checked.number,
          attachment: this.#attachment,
          settle: (lease) => this.#outbox.lease(leaseOf(partition, lease)),
        });
      }
    }
    return undefined;
  }

  #closeSession(giveUpAtMs: number): Failure | undefined {
    if (this.#opening === undefined) return invalidField("close_session", "only with a session");
    this.#closingsOpen++;
    closeSession(this.#node, this.#opening.sessionId, giveUpAtMs, (failure) => {
      this.#closingsOpen--;
      if (failure !== undefined) {
        this.#fail(failure);
        return;
      }
      this.#isSessionClosed = true;
      this.#idle();
    });
    return undefined;
  }

  #fail(failure: Failure): void {
    this.#outbox.end({ kind: "failed", failure });
    // At once: a client that does not read keeps the sending side waiting for as long as it likes.
    this.close();
  }

  /** An end in order, the server's or the client's, waits for the commands that are under way. */
  #idle(): void {
    if (!this.#commands.isIdle || this.#closingsOpen > 0) return;
    // A registration that was under way when the client left has come through this attachment since.
    if (this.#isClientGone) this.#tellDisconnected();
    if (this.#isSessionClosed) this.#outbox.end({ kind: "goodbye", reason: "session closed" });
    else if (this.#isShuttingDown) this.#outbox.end({ kind: "goodbye", reason: "shutting down" });
    else if (this.#isInputEnded) this.#outbox.end({ kind: "done" });
  }
}

/** What Connect says of bytes that are no frame. A reset comes as an error of Node's, or as canceled. */
const UNREADABLE_CODES: readonly Code[] = [
  Code.ResourceExhausted,
  Code.InvalidArgument,
  Code.Internal,
  Code.Unimplemented,
];

function isUnreadable(error: unknown): error is ConnectError {
  return error instanceof ConnectError && UNREADABLE_CODES.includes(error.code);
}

function goodbye(reason: string): AttachResponse {
  return {
    $typeName: "conclave.v1.AttachResponse",
    replies: [],
    leases: [],
    candidacies: [],
    watchEvents: [],
    candidaciesTold: [],
    goodbye: { $typeName: "conclave.v1.Goodbye", reason },
  };
}
