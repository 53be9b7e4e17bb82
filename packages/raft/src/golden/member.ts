// SPDX-License-Identifier: Apache-2.0
/**
 * One member of a group with the plainest surroundings that do what a host promises: a disk that
 * keeps what has been written and forgets the rest in a crash, and a state machine that is the list
 * of what it was given. For specs; nothing happens in it by itself.
 */

import { assert, createPrng } from "@conclave/base";
import type { CoreConfig } from "../core/config.ts";
import type { Effect, Envelope } from "../core/effect.ts";
import type { PersistedEvent, RaftEvent } from "../core/event.ts";
import type { OutgoingMessage, RaftMessage } from "../core/message.ts";
import { createState, type RaftState } from "../core/state.ts";
import { start, step } from "../core/step.ts";
import type { ReplicaId } from "../ids.ts";
import { type Configuration, decodeConfiguration } from "../log/configuration.ts";
import type { HardState, LogEntry } from "../log/entry.ts";
import type { SnapshotInfo } from "../log/snapshot-info.ts";

/** What a member has applied; a no-op and a configuration are applied as nothing. */
export interface AppliedEntry {
  readonly index: number;
  readonly raftTerm: number;
  readonly type: LogEntry["type"];
  readonly text: string;
}

/** Who hears what a member does. */
export interface MemberWatcher {
  sent(from: Member, to: ReplicaId, message: RaftMessage): void;
  /** Every effect, in order, and also what the member's surroundings make of it. */
  did(member: Member, effect: Effect): void;
}

type Write =
  | {
      readonly kind: "records";
      readonly hardState: HardState | undefined;
      readonly entries: readonly LogEntry[];
      readonly thenStep: readonly PersistedEvent[];
      readonly thenSend: readonly Envelope[];
    }
  | { readonly kind: "snapshot"; readonly snapshot: StoredSnapshot };

interface StoredSnapshot {
  readonly info: SnapshotInfo;
  readonly bytes: Uint8Array;
}

export class Member {
  readonly replica: ReplicaId;
  readonly #config: CoreConfig;
  readonly #watcher: MemberWatcher;
  #state: RaftState | undefined;
  /** Writes wait in `pending` until `persist` is called. */
  holdsWrites = false;
  #pending: Write[] = [];
  /** What has happened and is not yet stepped: a step never begins within another. */
  #events: RaftEvent[] = [];
  #isStepping = false;
  #starts = 0;
  applied: AppliedEntry[] = [];
  #appliedIndex = 0;
  #entries = new Map<number, LogEntry>();
  #chunks: Uint8Array = new Uint8Array(0);
  // What the disk holds.
  #hardState: HardState = { raftTerm: 0, votedFor: undefined };
  #log: LogEntry[] = [];
  #snapshot: StoredSnapshot;

  constructor(config: CoreConfig, bootstrap: Configuration, watcher: MemberWatcher) {
    this.replica = config.replica;
    this.#config = config;
    this.#watcher = watcher;
    const info = { index: 0, raftTerm: 0, bytes: 0, configuration: bootstrap };
    this.#snapshot = { info, bytes: new Uint8Array(0) };
  }

  get isUp(): boolean {
    return this.#state !== undefined;
  }

  get state(): RaftState {
    assert(this.#state !== undefined, "a member that is down has no state");
    return this.#state;
  }

  get pendingWrites(): number {
    return this.#pending.length;
  }

  entryAt(index: number): LogEntry | undefined {
    return this.#entries.get(index);
  }

  /** Sets what the disk holds before the first start. */
  format(hardState: HardState, log: readonly LogEntry[]): void {
    assert(this.#starts === 0, "a disk is formatted before it is used");
    this.#hardState = hardState;
    this.#log = [...log];
  }

  start(): void {
    const { info, bytes } = this.#snapshot;
    this.#starts += 1;
    this.applied = appliedOf(bytes);
    this.#appliedIndex = info.index;
    this.#entries = new Map(this.#log.map((entry) => [entry.index, entry]));
    const prng = createPrng(BigInt(this.replica)).child(`start ${this.#starts}`);
    const entries = this.#log.map(({ raftTerm, type, bytes: { length: size }, bytes: own }) => ({
      raftTerm,
      size,
      configuration: type === "configuration" ? decodeConfiguration(own) : undefined,
    }));
    const recovered = { hardState: this.#hardState, snapshot: info, entries };
    this.#state = createState(this.#config, prng, recovered);
    this.#isStepping = true;
    this.#run(start(this.#state));
    this.#drain();
  }

  /** Loses what was not written, but the first `written` of the writes that wait got through unsaid. */
  crash(written = 0): void {
    for (const write of this.#pending.slice(0, written)) this.#write(write);
    this.#pending = [];
    this.#chunks = new Uint8Array(0);
    this.#state = undefined;
  }

  step(event: RaftEvent): void {
    this.#events.push(event);
    if (!this.#isStepping) this.#drain();
  }

  /** Finishes the oldest waiting writes, or all of them. */
  persist(count: number = Number.POSITIVE_INFINITY): void {
    for (let i = 0; i < count && this.#pending.length > 0; i++) this.#persistOne();
  }

  /** Keeps a snapshot of what has been applied. */
  takeSnapshot(): void {
    const { state } = this;
    const index = state.lastApplied;
    if (index <= state.snapshot.index) return;
    const bytes = bytesOf(this.applied);
    const configuration = state.configurations.at(index);
    const raftTerm = state.log.raftTermAt(index);
    this.#snapshot = { info: { index, raftTerm, bytes: bytes.length, configuration }, bytes };
    this.#log = this.#log.filter((entry) => entry.index > index);
    this.step({ kind: "snapshotted", index, bytes: bytes.length });
  }

  #drain(): void {
    this.#isStepping = true;
    for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
      this.#run(step(this.state, event));
    }
    this.#isStepping = false;
  }

  #run(effects: readonly Effect[]): void {
    for (const effect of effects) {
      this.#watcher.did(this, effect);
      this.#perform(effect);
    }
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case "persist":
        for (const entry of effect.entries) this.#entries.set(entry.index, entry);
        this.#add({ ...effect, kind: "records" });
        return;
      case "send":
        this.#send(effect);
        return;
      case "apply":
        this.#apply(effect.to);
        return;
      case "truncated":
        for (const index of this.#entries.keys()) {
          if (index >= effect.from) this.#entries.delete(index);
        }
        return;
      case "compact":
        for (const index of this.#entries.keys()) {
          if (index <= effect.to) this.#entries.delete(index);
        }
        return;
      case "write-snapshot-chunk":
        this.#keepChunk(effect);
        return;
      default:
    }
  }

  #add(write: Write): void {
    this.#pending.push(write);
    if (!this.holdsWrites) this.persist();
  }

  #persistOne(): void {
    const write = this.#pending.shift();
    assert(write !== undefined, "there is something to write");
    this.#write(write);
    if (write.kind === "snapshot") {
      const { info, bytes } = write.snapshot;
      this.applied = appliedOf(bytes);
      this.#appliedIndex = info.index;
      this.#entries.clear();
      this.step({ kind: "snapshot-installed", snapshotIndex: info.index });
      return;
    }
    for (const envelope of write.thenSend) this.#send(envelope);
    for (const event of write.thenStep) this.step(event);
  }

  #write(write: Write): void {
    if (write.kind === "snapshot") {
      this.#snapshot = write.snapshot;
      this.#log = [];
      return;
    }
    if (write.hardState !== undefined) this.#hardState = write.hardState;
    const [first] = write.entries;
    if (first === undefined) return;
    this.#log = this.#log.filter((entry) => entry.index < first.index);
    const begin = this.#snapshot.info.index;
    this.#log.push(...write.entries.filter((entry) => entry.index > begin));
  }

  #apply(to: number): void {
    for (let index = this.#appliedIndex + 1; index <= to; index++) {
      const entry = this.#entries.get(index);
      assert(entry !== undefined, "R5: what is applied is in the log");
      const { raftTerm, type, bytes } = entry;
      const text = type === "proposal" ? new TextDecoder().decode(bytes) : type;
      this.applied.push({ index, raftTerm, type, text });
    }
    this.#appliedIndex = to;
    this.step({ kind: "applied", index: to });
  }

  #keepChunk(chunk: Extract<Effect, { kind: "write-snapshot-chunk" }>): void {
    const before = chunk.offset === 0 ? new Uint8Array(0) : this.#chunks;
    assert(before.length === chunk.offset, "R17: chunks follow one another");
    this.#chunks = new Uint8Array([...before, ...chunk.bytes]);
    if (this.#chunks.length < chunk.totalBytes) return;
    const { snapshotIndex: index, snapshotRaftTerm: raftTerm, configuration } = chunk;
    const bytes = this.#chunks;
    const info = { index, raftTerm, bytes: bytes.length, configuration };
    this.#add({ kind: "snapshot", snapshot: { info, bytes } });
  }

  #send({ to, message }: Envelope): void {
    const filled = this.#fill(message);
    if (filled === undefined) this.step({ kind: "entries-unavailable", to });
    else this.#watcher.sent(this, to, filled);
  }

  /** Undefined if what is to be sent is gone. */
  #fill(message: OutgoingMessage): RaftMessage | undefined {
    if (message.kind === "append-entries") {
      const { from, through, ...head } = message;
      const entries: LogEntry[] = [];
      for (let index = from; index <= through; index++) {
        const entry = this.#entries.get(index);
        if (entry === undefined) return undefined;
        entries.push(entry);
      }
      return { ...head, entries };
    }
    if (message.kind === "install-snapshot") {
      const { length, ...head } = message;
      if (this.#snapshot.info.index !== head.snapshotIndex) return undefined;
      const bytes = this.#snapshot.bytes.slice(head.offset, head.offset + length);
      return { ...head, bytes };
    }
    return message;
  }
}

function bytesOf(applied: readonly AppliedEntry[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(applied));
}

function appliedOf(bytes: Uint8Array): AppliedEntry[] {
  return bytes.length === 0 ? [] : (JSON.parse(new TextDecoder().decode(bytes)) as AppliedEntry[]);
}
