// SPDX-License-Identifier: Apache-2.0
/**
 * A cluster in memory, as a client sees one over `Attach`: frames in, frames out.
 *
 * It keeps the rules of semantics A1 to A4 on the clock that it is given and stores nothing. Every
 * partition commits at once where it has a leader, unless it is told to stall.
 */

import { create } from "@bufbuild/protobuf";
import {
  AnointRequestSchema,
  type AttachCommand,
  AttachReplySchema,
  type AttachRequest,
  CandidacySchema,
  CandidacyState,
  Cause,
  type Change,
  EvictRequestSchema,
  LeaseSchema,
  LeaseStatus,
  Reason,
  type Renewal,
} from "@conclave/api";
import { type Clock, unreachable } from "@conclave/base";
import { homeOf } from "../home.ts";
import { electionRef } from "../wire-values.ts";
import {
  again,
  answerList,
  answerRead,
  applyAdmin,
  applyOwn,
  type Reply,
  refusal,
} from "./memory-commands.ts";
import { type ConnectionPeer, MemoryConnection } from "./memory-connection.ts";
import { MemoryNodes, type NodeState } from "./memory-nodes.ts";
import { type MemoryElection, MemoryPartition } from "./memory-partition.ts";
import { type MemorySession, MemorySessions, timesOf } from "./memory-sessions.ts";
import { MemoryWatches } from "./memory-watches.ts";

export interface ServerConnection {
  receive(frame: AttachRequest): void;
  /** The client's side has ended the stream. */
  end(): void;
}

/** How long it takes a client's machine to find that nobody is there any more. */
const PING_MS = 5_000;
const UNACKNOWLEDGED_MAX = 1024;

export class MemoryServer {
  readonly nodes: MemoryNodes;
  readonly sessions: MemorySessions;
  readonly #clock: Clock;
  readonly #clusterId: Uint8Array;
  readonly #partitions: MemoryPartition[];
  readonly #connections = new Set<MemoryConnection>();
  readonly #stalled = new Set<number>();
  readonly #requests = new Map<string, Reply>();
  #lastConnection = 0;

  constructor(clock: Clock, partitionCount: number, clusterId: Uint8Array, nodeCount = 1) {
    this.#clock = clock;
    this.#clusterId = clusterId;
    this.sessions = new MemorySessions(clock, (session, partition, isGrace) => {
      this.end(session, partition, isGrace ? Cause.DISCONNECTED : Cause.EXPIRED);
    });
    const changed = { changed: this.#changed.bind(this) };
    this.#partitions = Array.from(
      { length: partitionCount },
      (_, index) => new MemoryPartition(index + 1, () => clock.wallMs(), changed),
    );
    this.nodes = new MemoryNodes(clock, partitionCount, nodeCount, {
      vacated: (partition) => this.sessions.suspend(partition),
      elected: (partition) => this.sessions.beginAnew(partition),
      changed: () => this.#tellTopology(),
    });
  }

  accept(node: number, peer: ConnectionPeer): ServerConnection {
    this.#lastConnection += 1;
    const connection = new MemoryConnection(
      { id: this.#lastConnection, node },
      { clock: this.#clock, nodes: this.nodes },
      new MemoryWatches(this.#partitions),
      peer,
    );
    this.#connections.add(connection);
    return {
      receive: (frame) => {
        if (!connection.isOpen) return;
        this.#receive(connection, frame);
        this.#flush();
      },
      end: () => {
        if (!connection.isOpen) return;
        this.#drop(connection);
        if (connection.session !== undefined) {
          this.sessions.disconnected(connection.session, connection.id);
        }
      },
    };
  }

  /** Kills a node, cuts it off from the others, or brings it back. */
  setNode(node: number, state: NodeState): void {
    this.nodes.set(node, state);
    for (const connection of [...this.#connections]) {
      if (connection.node !== node || state === "up" || state === "cut-off") continue;
      this.#drop(connection);
      if (state === "refusing") connection.peer.lost("the connection was reset");
      else this.#clock.setTimer(PING_MS, () => connection.peer.lost("no PING was answered"));
    }
    this.#flush();
  }

  /** Ends every connection with a goodbye, as a node does that shuts down. */
  sayGoodbye(reason: string): void {
    for (const connection of [...this.#connections]) this.#goodbye(connection, reason);
    this.#flush();
  }

  /** Tells every watch how far it has been told. */
  tellProgress(): void {
    for (const { watches } of this.#connections) watches.tellProgress();
    this.#flush();
  }

  /** A stalled partition confirms and commits nothing; its sessions' deadlines run on. */
  stall(partition: number, isStalled: boolean): void {
    if (isStalled) this.#stalled.add(partition);
    else this.#stalled.delete(partition);
  }

  election(name: string, namespace = "default"): MemoryElection | undefined {
    return this.#home(name).find(namespace, name);
  }

  /** Ends, on its partition only, the session that holds a candidate. False when nobody holds it. */
  endSessionOf(name: string, candidate: string, namespace = "default"): boolean {
    const held = this.election(name, namespace)?.list.find((entrant) => entrant.name === candidate);
    const session = held === undefined ? undefined : this.sessions.find(held.session);
    if (session === undefined) return false;
    this.end(session, this.#home(name).number, Cause.EXPIRED);
    return true;
  }

  /** What an operator does. */
  move(verb: "anoint" | "evict", name: string, candidate: string): void {
    const request = { election: electionRef("default", name), candidate };
    const command =
      verb === "anoint"
        ? ({ case: verb, value: create(AnointRequestSchema, request) } as const)
        : ({ case: verb, value: create(EvictRequestSchema, request) } as const);
    applyAdmin(this.#home(name), command, this.#requests);
    this.#flush();
  }

  /** The session's candidacies on the partition leave together: one event for each election. */
  end(session: MemorySession, partition: number, cause: Cause): void {
    const home = this.#partitions[partition - 1];
    if (home === undefined) return;
    const elections = home.all().sort((a, b) => (a.key < b.key ? -1 : 1));
    for (const election of elections) {
      const rest = election.list.filter((entrant) => entrant.session !== session.id);
      if (rest.length < election.list.length) home.rearrange(election, rest, cause);
    }
    this.sessions.end(session, partition);
    this.#flush();
  }

  #receive(connection: MemoryConnection, frame: AttachRequest): void {
    if (frame.hello !== undefined) this.#welcome(connection, frame);
    for (const { id, request } of frame.watches) {
      if (request !== undefined) connection.watches.open(id, request);
    }
    for (const id of frame.unwatch) connection.watches.close(id);
    for (const command of frame.commands) {
      const reply = this.#answer(connection, command);
      const { correlation } = command;
      connection.out.replies.push(create(AttachReplySchema, { correlation, reply }));
    }
    for (const renewal of frame.renewals) this.#renew(connection, renewal);
    if (frame.closeSession) this.#closeSession(connection);
  }

  #welcome(connection: MemoryConnection, { hello }: AttachRequest): void {
    const asked = hello?.session;
    if (asked !== undefined) {
      connection.session = this.sessions.open(asked.sessionId, timesOf(asked.options));
    }
    const out = connection.out;
    out.welcome = {
      $typeName: "conclave.v1.AttachWelcome",
      instance: connection.session?.instance ?? "",
      cluster: this.nodes.info(connection.node, this.#clusterId),
    };
    // What such a node has is older than the one state that is kept here: it shows nothing.
    if (this.nodes.state(connection.node) === "cut-off") return;
    for (const home of this.#partitions) {
      for (const election of home.all()) this.#present(connection, home, election);
      const { number: partition, revision } = home;
      if (connection.session?.registrations.has(partition) !== true) continue;
      out.candidaciesTold.push({ $typeName: "conclave.v1.Progress", partition, revision });
    }
  }

  /** A session's present candidacies, told once. */
  #present(connection: MemoryConnection, home: MemoryPartition, election: MemoryElection): void {
    const session = connection.session?.id;
    election.list.forEach((entrant, position) => {
      if (entrant.session !== session) return;
      this.#push(connection, home.number, election, {
        candidate: entrant.name,
        state: position === 0 ? CandidacyState.LEADING : CandidacyState.WAITING,
        cause: Cause.UNSPECIFIED,
      });
    });
  }

  #answer(connection: MemoryConnection, { command }: AttachCommand): Reply {
    switch (command.case) {
      case "enter":
      case "withdraw":
      case "updateMetadata":
        return this.#answerOwn(connection, command);
      case "list":
        return answerList(this.#partitions, command.value);
      case "get":
      case "checkFence":
        return this.#at(connection, command.value.election?.name, (home) =>
          answerRead(home, command),
        );
      case "anoint":
      case "promote":
      case "demote":
      case "evict":
      case "delete": {
        const { election } = command.value;
        return this.#at(connection, election?.name, (home) =>
          applyAdmin(home, command, this.#requests),
        );
      }
      case undefined:
        return refusal("invalid_argument", Reason.INVALID_FIELD, "the command is empty");
      default:
        return unreachable(command);
    }
  }

  #answerOwn(
    connection: MemoryConnection,
    command: AttachCommand["command"] & { case: "enter" | "withdraw" | "updateMetadata" },
  ): Reply {
    const { session } = connection;
    const number = command.value.command?.number ?? 0n;
    return this.#at(connection, command.value.election?.name, (home) => {
      if (session === undefined) {
        return refusal("failed_precondition", Reason.SESSION_UNKNOWN, "no session is attached");
      }
      if (session.ended.has(home.number)) {
        return refusal("failed_precondition", Reason.SESSION_ENDED, "the session has ended");
      }
      const registered = !session.registrations.has(home.number);
      if (registered) this.sessions.register(session, home.number, connection.id);
      const replies = session.registrations.get(home.number)?.replies ?? new Map<bigint, Reply>();
      const given = replies.get(number);
      const acknowledged = command.value.command?.acknowledged ?? 0n;
      for (const old of replies.keys()) if (old <= acknowledged) replies.delete(old);
      if (given !== undefined) return again(given);
      if (replies.size >= UNACKNOWLEDGED_MAX) {
        return refusal("resource_exhausted", Reason.TOO_MANY_UNACKNOWLEDGED, "too many answers");
      }
      const reply = applyOwn(home, command, {
        session: session.id,
        instance: session.instance,
        registered,
      });
      replies.set(number, reply);
      return reply;
    });
  }

  #at(
    { node }: MemoryConnection,
    name: string | undefined,
    answer: (home: MemoryPartition) => Reply,
  ): Reply {
    const home = this.#home(name ?? "");
    if (!this.serves(node, home.number)) {
      return refusal("unavailable", Reason.NO_LEADER, "the partition has no leader");
    }
    return answer(home);
  }

  #renew(connection: MemoryConnection, { number, partitions }: Renewal): void {
    const { session } = connection;
    if (session === undefined) return;
    for (const partition of partitions) {
      const registration = session.registrations.get(partition);
      const isStalled = !this.serves(connection.node, partition);
      const unregistered = session.ended.has(partition)
        ? LeaseStatus.ENDED
        : LeaseStatus.NOT_REGISTERED;
      const confirmed = registration === undefined ? unregistered : LeaseStatus.CONFIRMED;
      const status = isStalled ? LeaseStatus.UNCONFIRMED : confirmed;
      if (status === LeaseStatus.CONFIRMED) {
        this.sessions.renew(session, partition, connection.id);
      }
      const officeRevision = isStalled ? 0n : (registration?.officeRevision ?? 0n);
      const lease = create(LeaseSchema, { partition, status, number, officeRevision });
      connection.out.leases.push(lease);
    }
  }

  #closeSession(connection: MemoryConnection): void {
    const { session } = connection;
    if (session === undefined) return;
    for (const partition of [...session.registrations.keys()]) {
      this.end(session, partition, Cause.RESIGNED);
    }
    this.#goodbye(connection, "the session is closed");
  }

  #changed(change: Change, before: MemoryElection, after: MemoryElection): void {
    const [old, leader] = [before.list[0], after.list[0]];
    const isSameOffice = old?.name === leader?.name && old?.session === leader?.session;
    for (const holder of isSameOffice ? [] : [old, leader]) {
      const session = holder === undefined ? undefined : this.sessions.find(holder.session);
      const registration = session?.registrations.get(change.partition);
      if (registration !== undefined) registration.officeRevision = change.revision;
    }
    const { cause } = change;
    for (const connection of this.#connections) {
      connection.watches.changed(change);
      const id = connection.session?.id;
      const tell = (candidate: string, state: CandidacyState): void =>
        this.#push(connection, change.partition, after, { candidate, state, cause });
      for (const { name, session } of before.list) {
        const stays = after.list.some((e) => e.name === name && e.session === session);
        if (session === id && !stays) tell(name, CandidacyState.GONE);
      }
      if (isSameOffice) continue;
      const isDeposed = old !== undefined && after.list.slice(1).includes(old);
      if (isDeposed && old.session === id) tell(old.name, CandidacyState.WAITING);
      if (leader?.session === id && leader !== undefined) {
        tell(leader.name, CandidacyState.LEADING);
      }
    }
  }

  #push(
    connection: MemoryConnection,
    partition: number,
    { term, revision, namespace, name }: MemoryElection,
    told: { readonly candidate: string; readonly state: CandidacyState; readonly cause: Cause },
  ): void {
    const election = { namespace, name };
    const push = create(CandidacySchema, { election, revision, term, partition, ...told });
    connection.push(push);
  }

  #goodbye(connection: MemoryConnection, reason: string): void {
    connection.out.goodbye = { $typeName: "conclave.v1.Goodbye", reason };
    connection.flush();
    this.#drop(connection);
  }

  #drop(connection: MemoryConnection): void {
    connection.isOpen = false;
    this.#connections.delete(connection);
  }

  /** Everything of one turn leaves in one frame for each connection. */
  #flush(): void {
    for (const connection of this.#connections) connection.flush();
  }

  /** Whether this node reaches a leader of the partition, which commits. */
  serves(node: number, partition: number): boolean {
    return !this.#stalled.has(partition) && this.nodes.serves(node, partition);
  }

  #tellTopology(): void {
    for (const connection of this.#connections) {
      if (this.nodes.state(connection.node) !== "up") continue;
      connection.out.topology = this.nodes.info(connection.node, this.#clusterId);
    }
    this.#flush();
  }

  #home(name: string): MemoryPartition {
    return this.#partitions[homeOf(name, this.#partitions.length) - 1]!;
  }
}
