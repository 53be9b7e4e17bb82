// SPDX-License-Identifier: Apache-2.0
/**
 * What a member of a simulated world lets be seen: what its logs tell its state machines, what its
 * elections come to, and how it votes.
 *
 * Each name of a directory is a life of its own: a member that loses its log and begins anew within one
 * process is somebody else from then on.
 */

import type { ExchangeRequest } from "@conclave/api/peer";
import type { Change } from "@conclave/fsm";
import type { Group } from "@conclave/raft";
import type { LogListener, OpenLog, ReplicatedLog } from "@conclave/server";
import type { MemberObserver, OpenDirectory } from "@conclave/server/member";
import type { Observation, ServerLife } from "./observation.ts";

export interface MemberTapOptions {
  readonly node: number;
  /** A number that no life of this node has had. */
  readonly nextLife: () => number;
  readonly directory: OpenDirectory;
  readonly observe: (observation: Observation) => void;
  readonly partitionOf: (change: Change) => number;
}

/** Behind the partition's view of it is a group of Raft. */
interface Opened {
  log: (ReplicatedLog & Partial<Pick<Group, "status">>) | undefined;
}

const NO_LOG = { commitIndex: 0, lastIndex: 0 };

export class MemberTap {
  readonly directory: OpenDirectory;
  readonly observer: MemberObserver;
  life: ServerLife;
  readonly #options: MemberTapOptions;
  #incarnation: number;
  #isStarted = false;

  constructor(options: MemberTapOptions) {
    this.#options = options;
    const { directory, node } = options;
    const { found } = directory;
    this.#incarnation = found.kind === "found" ? found.identity.incarnation : 0;
    this.life = { node, life: options.nextLife(), incarnation: this.#incarnation };
    this.directory = {
      ...directory,
      save: (identity) => {
        this.#incarnation = identity.incarnation;
        return directory.save(identity);
      },
    };
    this.observer = {
      host: { synced: () => {} },
      node: {
        roundEnded: () => {},
        renewed: () => {},
        submitted: () => {},
        logTimeClamped: () => {},
        changed: (change) => this.#changed(change),
      },
      beat: () => {},
    };
  }

  /** As a platform's `tapLogs`. */
  logs(open: OpenLog): OpenLog {
    return (partition, listener) => {
      if (partition === 1) this.#begins();
      const opened: Opened = { log: undefined };
      opened.log = open(partition, this.#listener(partition, listener, opened));
      return this.#proposals(partition, opened.log);
    };
  }

  /** A frame of its messages is on its way to another node. */
  sent(node: number, { raft }: ExchangeRequest): void {
    for (const { group, raftTerm, message } of raft) {
      if (message.case !== "voteResponse" || !message.value.isGranted) continue;
      const told = { server: this.life, group, raftTerm: Number(raftTerm), candidate: node };
      this.#options.observe({ kind: "vote", ...told });
    }
  }

  ended(how: "stopped" | "killed" | "power-cut" | "failed", detail: string): void {
    if (!this.#isStarted) return;
    this.#isStarted = false;
    this.#options.observe({ kind: "server-ended", server: this.life, how, detail });
  }

  #listener(group: number, listener: LogListener, opened: Opened): LogListener {
    const { life: server } = this;
    const { observe } = this.#options;
    return {
      committed(entries) {
        observe({ kind: "committed", server, group, entries });
        listener.committed(entries);
      },
      restored(snapshot) {
        const { index, raftTerm } = snapshot;
        observe({ kind: "restored", server, group, index, raftTerm });
        listener.restored(snapshot);
      },
      roleChanged(role) {
        const { commitIndex, lastIndex } = opened.log?.status?.() ?? NO_LOG;
        observe({ kind: "role", server, group, role, commitIndex, lastIndex });
        listener.roleChanged(role);
      },
      snapshot: () => listener.snapshot(),
      failed: (failure) => listener.failed(failure),
    };
  }

  #proposals(group: number, log: ReplicatedLog): ReplicatedLog {
    const { life: server } = this;
    const { observe } = this.#options;
    return {
      propose(bytes, options) {
        const proposed = log.propose(bytes, options);
        // Beside the way of the answer, so that it takes no longer than without being seen.
        void proposed.then((outcome) => {
          if (outcome.kind !== "applied") return;
          observe({ kind: "acknowledged", server, group, index: outcome.index });
        });
        return proposed;
      },
      confirm: () => log.confirm(),
      get role() {
        return log.role;
      },
      get appliedIndex() {
        return log.appliedIndex;
      },
    };
  }

  #begins(): void {
    if (this.#isStarted) {
      this.ended("failed", "it begins anew as another incarnation");
      this.life = { ...this.life, life: this.#options.nextLife() };
    }
    this.life = { ...this.life, incarnation: this.#incarnation };
    this.#isStarted = true;
    this.#options.observe({ kind: "server-started", server: this.life });
  }

  #changed(change: Change): void {
    const { observe, partitionOf } = this.#options;
    observe({ kind: "changed", server: this.life, partition: partitionOf(change), change });
  }
}
