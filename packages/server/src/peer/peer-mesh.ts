// SPDX-License-Identifier: Apache-2.0
/**
 * The streams between this node and all others: carries the Raft messages of all groups, and calls
 * from node to node.
 *
 * It knows who is a member because it is told, and talks to nobody else. It decides nothing: what is
 * lost is said to the host, which counts on nothing.
 */

import type { ExchangeRequest, ExchangeResponse, Hello } from "@conclave/api/peer";
import { assert, type CancelTimer, type Clock, type Prng } from "@conclave/base";
import type { Member } from "@conclave/fsm";
import { type GroupMessage, nodeOf, type ReplicaId, type Transport } from "@conclave/raft";
import type {
  PeerCallHandler,
  PeerCallOptions,
  PeerCallOutcome,
  PeerCalls,
} from "../replica/peer-calls.ts";
import { admit, type Caller, type Lane, type MemberList, type Self } from "./greeting.ts";
import { InboundStream } from "./inbound-stream.ts";
import type { PeerDialer } from "./peer-dialer.ts";
import { type LinkContext, PeerLink } from "./peer-link.ts";
import { PeerReports } from "./peer-reports.ts";
import type { PeerRefusal } from "./refusal.ts";

export interface PeerMeshOptions {
  readonly self: Self;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly dialer: PeerDialer;
  /** For people: a line about a peer that is lost, refuses, or is refused; each once. */
  readonly log: (text: string) => void;
}

/** What the mesh tells of messages. */
interface MessageReceiver {
  receive(from: ReplicaId, messages: readonly GroupMessage[]): void;
  /** What was to be sent to the replica has been dropped, or may have been lost. */
  unreachable(replica: ReplicaId): void;
}

interface PeerStatus {
  readonly node: number;
  readonly address: string;
  /** What this node sends arrives; the other direction is the peer's own. */
  readonly isConnected: boolean;
  /** Of its software; empty while it has never answered. */
  readonly version: string;
}

export interface PeerMesh extends Transport, PeerCalls {
  /**
   * The members from now on, this node among them or not yet.
   *
   * @param asOf an index of partition 1 for which the list holds; 0 for a list that did not come from
   *   there. A list older than the one before it is dropped.
   */
  setMembers(members: readonly Member[], asOf: number): void;
  /** Who gets the messages. Until then every stream is refused as not ready. */
  bindHost(host: MessageReceiver): void;
  /** Serves a stream that another node has dialled. */
  accept(requests: AsyncIterable<ExchangeRequest>): AsyncIterable<ExchangeResponse>;
  /** All others, by number. */
  peers(): readonly PeerStatus[];
  /** Cuts every stream. Calls that are under way are settled. */
  close(): Promise<void>;
}

const BEAT_MS = 1_000;

export function createPeerMesh(options: PeerMeshOptions): PeerMesh {
  return new OpenPeerMesh(options);
}

interface Peer {
  readonly links: Readonly<Record<Lane, PeerLink>>;
  /** The list by which a peer that is on no list of ours was taken; else undefined. */
  readonly provisionalAsOf: number | undefined;
}

class OpenPeerMesh implements PeerMesh {
  readonly #options: PeerMeshOptions;
  readonly #context: LinkContext;
  readonly #reports: PeerReports;
  readonly #peers = new Map<number, Peer>();
  readonly #inbound = new Set<InboundStream>();
  #list: MemberList = { members: new Map(), asOf: 0 };
  #host: MessageReceiver | undefined;
  #handler: PeerCallHandler | undefined;
  #cancelBeat: CancelTimer = () => {};
  #isClosed = false;

  constructor(options: PeerMeshOptions) {
    const { self, clock, prng, dialer, log } = options;
    this.#options = options;
    this.#reports = new PeerReports(log);
    this.#context = {
      ...{ self, clock, dialer, prng: prng.child("peers"), reports: this.#reports },
      list: () => this.#list,
      unreachable: (replica) => this.#host?.unreachable(replica),
    };
    this.#setBeat();
  }

  setMembers(members: readonly Member[], asOf: number): void {
    if (this.#isClosed || asOf < this.#list.asOf) return;
    this.#list = { members: new Map(members.map((member) => [member.node, member])), asOf };
    for (const member of members) this.#know(member, undefined);
    for (const [node, { links, provisionalAsOf }] of this.#peers) {
      const isNewer = provisionalAsOf !== undefined && provisionalAsOf > asOf;
      if (this.#list.members.has(node) || isNewer) continue;
      this.#peers.delete(node);
      void links.messages.close();
      void links.snapshots.close();
    }
    for (const stream of [...this.#inbound]) this.#admitAgain(stream);
  }

  bindHost(host: MessageReceiver): void {
    assert(this.#host === undefined, "one host has the messages");
    this.#host = host;
    // The others, once they hear of it by our streams, dial without waiting.
    for (const { links } of this.#peers.values()) links.messages.open();
  }

  serve(handler: PeerCallHandler): void {
    assert(this.#handler === undefined, "calls have one handler");
    this.#handler = handler;
  }

  send(to: ReplicaId, messages: readonly GroupMessage[]): void {
    const peer = this.#peers.get(nodeOf(to));
    if (peer === undefined) return;
    const snapshots = messages.filter(isSnapshot);
    if (snapshots.length > 0) peer.links.snapshots.send(to, snapshots);
    const others = snapshots.length > 0 ? messages.filter((each) => !isSnapshot(each)) : messages;
    if (others.length > 0) peer.links.messages.send(to, others);
  }

  call(node: number, request: Uint8Array, options: PeerCallOptions): Promise<PeerCallOutcome> {
    const peer = this.#peers.get(node);
    if (peer === undefined) return Promise.resolve({ kind: "unreachable", isSent: false });
    return peer.links.messages.call(request, options);
  }

  accept(requests: AsyncIterable<ExchangeRequest>): AsyncIterable<ExchangeResponse> {
    const { self, clock } = this.#options;
    const stream = new InboundStream({
      ...{ self, clock },
      greeted: (hello, greeting) => this.#greeted(hello, greeting),
      receive: (from, messages) => this.#host?.receive(from, messages),
      serve: (from, request, callOptions) => {
        assert(this.#handler !== undefined, "streams are taken once calls can be served");
        return this.#handler(from, request, callOptions);
      },
      refused: (caller, { reason, detail }) => {
        // Before a greeting it was told there; a stream that made room, or came too early, is no news.
        if (caller === undefined || reason === "replaced" || reason === "not-ready") return;
        const { node, address } = caller;
        const text = reason === "silent" ? "heard nothing of" : "refused";
        this.#reports.once(node, reason, `${text} node ${node} at ${address}: ${detail}`);
      },
      ended: (ended) => this.#inbound.delete(ended),
    });
    this.#inbound.add(stream);
    void stream.read(requests);
    return stream.frames();
  }

  peers(): readonly PeerStatus[] {
    return [...this.#peers]
      .sort(([a], [b]) => a - b)
      .map(([node, { links }]) => {
        const { address, isConnected, version } = links.messages;
        return { node, address, isConnected, version };
      });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelBeat();
    const refusal: PeerRefusal = { reason: "not-ready", detail: "it is shutting down" };
    for (const stream of [...this.#inbound]) stream.refuse(refusal);
    const links = [...this.#peers.values()].flatMap((peer) => Object.values(peer.links));
    this.#peers.clear();
    await Promise.all(links.map((link) => link.close()));
  }

  #setBeat(): void {
    this.#cancelBeat = this.#options.clock.setTimer(BEAT_MS, () => {
      this.#setBeat();
      for (const { links } of this.#peers.values()) {
        links.messages.beat();
        links.snapshots.beat();
      }
      for (const stream of [...this.#inbound]) stream.beat();
    });
  }

  /** Keeps a stream open to a peer from now on. */
  #know(member: Member, provisionalAsOf: number | undefined): void {
    const { node } = member;
    if (node === this.#options.self.node) return;
    const known = this.#peers.get(node);
    const links = known?.links ?? {
      messages: new PeerLink(this.#context, member, "messages"),
      snapshots: new PeerLink(this.#context, member, "snapshots"),
    };
    this.#peers.set(node, { links, provisionalAsOf });
    if (known !== undefined) for (const link of Object.values(links)) link.update(member);
    else links.messages.open();
  }

  #greeted(hello: Hello, greeting: InboundStream): Caller | PeerRefusal {
    if (this.#isClosed) return { reason: "not-ready", detail: "it is shutting down" };
    const caller = admit(hello, this.#options.self, this.#list);
    if ("reason" in caller) {
      const { fromNode: node, fromAddress } = hello;
      const text = `refused a stream of node ${node} at ${fromAddress}: ${caller.detail}`;
      this.#reports.once(node, caller.reason, text);
      return caller;
    }
    if (this.#host === undefined || this.#handler === undefined) {
      return { reason: "not-ready", detail: "it is starting" };
    }
    this.#replaceEarlier(caller, greeting);
    const isListed = this.#list.members.get(caller.node)?.incarnation === caller.incarnation;
    if (!isListed) this.#know(caller, caller.membersAsOf);
    // It is there: no need to wait until the next attempt is due.
    this.#peers.get(caller.node)?.links.messages.open();
    return caller;
  }

  #replaceEarlier({ node, lane }: Caller, greeting: InboundStream): void {
    for (const stream of [...this.#inbound]) {
      const { caller } = stream;
      if (stream === greeting || caller?.node !== node || caller.lane !== lane) continue;
      stream.refuse({ reason: "replaced", detail: "a later stream has taken its place" });
    }
  }

  /** The list has changed: who is on it no longer is not heard any more. */
  #admitAgain(stream: InboundStream): void {
    const { caller } = stream;
    if (caller === undefined || caller.membersAsOf > this.#list.asOf) return;
    const { node, incarnation } = caller;
    const member = this.#list.members.get(node);
    if (member?.incarnation === incarnation) return;
    const isRemoved = member === undefined;
    stream.refuse({
      reason: isRemoved ? "not-a-member" : "other-incarnation",
      detail: isRemoved
        ? `node ${node} is not a member any more`
        : `node ${node} has a new directory`,
    });
  }
}

function isSnapshot({ message }: GroupMessage): boolean {
  return message.kind === "install-snapshot";
}
