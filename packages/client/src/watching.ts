// SPDX-License-Identifier: Apache-2.0
/**
 * One watch as its reader sees it: snapshots first, then every change, over as many connections as it
 * takes. It keeps the views that the changes apply to, and drops what it has told already.
 */

import { create } from "@bufbuild/protobuf";
import {
  type Change as ChangeMessage,
  type ElectionView,
  type FrameError,
  type Gap,
  PrimitiveKind,
  type WatchRequest,
  WatchRequestSchema,
  type WatchResponse,
} from "@conclave/api";
import { applyChange } from "./apply-change.ts";
import { ChangeBuffer } from "./change-buffer.ts";
import type { ElectionError } from "./error.ts";
import type { Runtime } from "./link.ts";
import { onAbort } from "./on-abort.ts";
import type { PlainChannel, WatchHandle, WatchListener } from "./plain-channel.ts";
import type { Change, View } from "./view.ts";
import { errorFromFrame, isTransient } from "./wire-errors.ts";
import { electionRef, viewOf } from "./wire-values.ts";

export interface WatchContext {
  readonly runtime: Runtime;
  readonly channel: PlainChannel;
  readonly namespace: string;
  readonly closing: AbortSignal;
}

/** One election by name, perhaps from a revision on; or all whose name begins with a prefix. */
export type WatchScope =
  | { readonly kind: "election"; readonly name: string; readonly after: bigint | undefined }
  | { readonly kind: "prefix"; readonly prefix: string };

const RESTART_MS = 50;
const RESTART_RANGE_MS = 200;

/** Each iteration is a watch of its own, which ends with it. */
export function watchChanges(
  context: WatchContext,
  scope: WatchScope,
  signal: AbortSignal | undefined,
): AsyncIterable<Change> {
  return {
    [Symbol.asyncIterator]: () => {
      const watching = new Watching(context, scope, signal);
      return {
        next: async () => {
          const value = await watching.next();
          return value === undefined ? { done: true, value } : { done: false, value };
        },
        return: async () => {
          watching.stop();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

class Watching implements WatchListener {
  readonly #context: WatchContext;
  readonly #scope: WatchScope;
  readonly #buffer = new ChangeBuffer();
  readonly #handle: WatchHandle;
  readonly #views = new Map<string, View>();
  /** Known elections that a snapshot under way has not shown: what is left at its end is deleted. */
  #unseen: Set<string> | undefined;
  #resume: Uint8Array = new Uint8Array();
  /** The revision to go on after, until the server has said what the election was then. */
  #after: bigint | undefined;
  /** What a snapshot shows is told even where its revision is known: the reader was told of a gap. */
  #isAfterGap = false;
  #isLive = true;
  #isPaused = false;
  #isStopped = false;
  #cancelRestart: () => void = () => {};
  #unlisten: () => void = () => {};

  constructor(context: WatchContext, scope: WatchScope, signal: AbortSignal | undefined) {
    this.#context = context;
    this.#scope = scope;
    if (scope.kind === "election") this.#after = scope.after;
    this.#handle = context.channel.watch(this);
    const { closing } = context;
    const unlistens = [onAbort(closing, () => this.#fail(closing.reason))];
    if (signal !== undefined) unlistens.push(onAbort(signal, () => this.stop()));
    this.#unlisten = () => {
      for (const unlisten of unlistens) unlisten();
    };
    if (this.#isStopped) this.#unlisten();
  }

  async next(): Promise<Change | undefined> {
    // The reader has caught up: what did not fit is fetched from the server's history.
    if (this.#isPaused && this.#buffer.isEmpty) {
      this.#isPaused = false;
      this.#handle.restart();
    }
    return this.#buffer.next();
  }

  /** The reader has had enough. */
  stop(): void {
    this.#buffer.end();
    this.#letGo();
  }

  // What the channel asks and tells.

  request(): WatchRequest {
    const { namespace } = this.#context;
    const canResume = this.#resume.length > 0;
    const resume = canResume ? { resume: this.#resume } : {};
    if (this.#scope.kind === "prefix") {
      if (!canResume) this.#unseen = new Set(this.#views.keys());
      const kind = PrimitiveKind.ELECTION;
      const prefix = { namespace, prefix: this.#scope.prefix, kind };
      return create(WatchRequestSchema, { prefix, ...resume });
    }
    const elections = [electionRef(namespace, this.#scope.name)];
    if (canResume) return create(WatchRequestSchema, { elections, ...resume });
    if (this.#after !== undefined) {
      return create(WatchRequestSchema, { elections, after: this.#after, withBase: true });
    }
    const known = this.#views.get(this.#scope.name);
    const after = known === undefined ? {} : { after: known.revision };
    return create(WatchRequestSchema, { elections, ...after });
  }

  event({ event, resume }: WatchResponse): void {
    if (event.case !== "contact") this.#showContact(true);
    switch (event.case) {
      case "snapshot":
        this.#snapshot(event.value);
        break;
      case "snapshotEnd":
        this.#snapshotEnd();
        break;
      case "base":
        this.#base(event.value);
        break;
      case "change":
        if (!this.#change(event.value)) return;
        break;
      case "gap":
        this.#gap(event.value);
        break;
      case "progress":
        // Revisions of several partitions say nothing in one number.
        if (this.#scope.kind === "election") {
          this.#push({ type: "progress", revision: event.value.revision });
        }
        break;
      case "contact":
        this.#showContact(event.value.quorum);
        break;
      default:
    }
    if (resume.length > 0) this.#resume = resume;
    if (!this.#buffer.isFull) return;
    this.#isPaused = true;
    this.#handle.cancel();
  }

  ended(error: FrameError): void {
    if (!isTransient(error)) {
      this.#fail(errorFromFrame(error));
      return;
    }
    const { clock, prng } = this.#context.runtime;
    const waitMs = RESTART_MS + prng.below(RESTART_RANGE_MS);
    this.#cancelRestart();
    this.#cancelRestart = clock.setTimer(waitMs, () => this.#handle.restart());
  }

  detached(): void {
    this.#showContact(false);
  }

  #snapshot(message: ElectionView): void {
    const view = viewOf(message);
    const known = this.#views.get(view.election);
    this.#unseen?.delete(view.election);
    // Told already, or the picture of a replica that lags behind what was told.
    if (known !== undefined && view.revision <= known.revision && !this.#isAfterGap) return;
    this.#views.set(view.election, view);
    this.#push({ type: "snapshot", view });
  }

  #snapshotEnd(): void {
    this.#isAfterGap = false;
    const gone = this.#unseen ?? [];
    this.#unseen = undefined;
    if (this.#scope.kind === "election") return;
    for (const name of gone) {
      const known = this.#views.get(name);
      this.#views.delete(name);
      if (known === undefined) continue;
      const view: View = { ...known, leader: null, queue: [], sinceMs: null };
      this.#push({ type: "vacant", view, cause: "deleted", reason: "", timeMs: null });
    }
  }

  /** What the changes to come apply to. The reader has seen it. */
  #base(message: ElectionView): void {
    const view = viewOf(message);
    this.#after = undefined;
    this.#views.set(view.election, view);
  }

  /** False when something was missed, and the watch has begun anew. */
  #change(message: ChangeMessage): boolean {
    const name = message.election?.name ?? "";
    const known = this.#views.get(name);
    if (known !== undefined && message.revision <= known.revision) return true;
    const change = applyChange(baseOf(name, known, message), message);
    if (change === undefined) {
      this.#push({ type: "gap", lost: [known?.revision ?? 0n, message.revision] });
      this.#isAfterGap = true;
      this.#after = undefined;
      this.#resume = new Uint8Array();
      this.#views.delete(name);
      this.#handle.restart();
      return false;
    }
    const isGone = change.cause === "deleted" && this.#scope.kind === "prefix";
    if (isGone) this.#views.delete(name);
    else this.#views.set(name, change.view);
    this.#push(change);
    return true;
  }

  #gap({ afterRevision, beforeRevision }: Gap): void {
    this.#isAfterGap = true;
    this.#after = undefined;
    this.#unseen = new Set(this.#views.keys());
    this.#push({ type: "gap", lost: [afterRevision, beforeRevision] });
  }

  #showContact(live: boolean): void {
    if (this.#isLive === live) return;
    this.#isLive = live;
    this.#push({ type: "contact", live });
  }

  #push(change: Change): void {
    this.#buffer.push(change);
  }

  #fail(error: ElectionError): void {
    this.#buffer.end(error);
    this.#letGo();
  }

  #letGo(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#unlisten();
    this.#cancelRestart();
    this.#handle.cancel();
  }
}

/** What a change applies to: an election not heard of, or empty, may begin anew at any revision. */
function baseOf(name: string, known: View | undefined, change: ChangeMessage): View {
  const isEmpty = known === undefined || (known.leader === null && known.queue.length === 0);
  if (!isEmpty) return known;
  const nothing = { election: name, term: 0n, leader: null, queue: [], sinceMs: null };
  return { ...(known ?? nothing), revision: change.previousRevision };
}
