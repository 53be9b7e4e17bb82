// SPDX-License-Identifier: Apache-2.0
/**
 * A node on any platform, from its start until it has stopped: first a process that only says who it
 * is, then, once that is settled, a member that serves.
 *
 * It has no port and no files of its own. Whoever composes a node gives it a platform, and takes
 * calls for it.
 */

import { assert, createPrng, LoopWatch, TICK_MS } from "@conclave/base";
import type { ConnectRouter } from "@connectrpc/connect";
import { refusingStream } from "../peer/inbound-stream.ts";
import { runJoinRounds } from "../peer/join-rounds.ts";
import type { PeerMesh } from "../peer/peer-mesh.ts";
import { defaultDialectOptions } from "../rpc/dialect-options.ts";
import {
  type Introduction,
  type JoinOutcome,
  type JoinRefusal,
  type JoinRequest,
  PEER_PROTOCOL_VERSION,
} from "../wire/introduction.ts";
import { ClusterMember } from "./cluster-member.ts";
import { membersOf, type NodeIdentity } from "./identity.ts";
import { failure, type MemberFailure } from "./member-failure.ts";
import type { MemberOptions, MemberPlatform } from "./member-platform.ts";
import { settle } from "./settle.ts";
import { registerWaitingServices } from "./waiting-services.ts";

/** What whoever composed the node is told. Calls come from the loop and must not throw. */
export interface MemberEvents {
  /** What `obstacles` says may have changed. */
  readonly changed?: () => void;
  /** It serves from now on: what `register` puts on a router is more than before. */
  readonly serving?: () => void;
}

export interface RunningMember {
  /** Resolves if the node cannot go on, with why; it should be stopped. */
  readonly failed: Promise<MemberFailure>;
  /** The parts of the node once it knows who it is and has read its log. */
  readonly serving: ClusterMember | undefined;
  /**
   * Settles who the node is, and serves; resolves once it does, or waits for others in the
   * background, or cannot. To be called once, and followed by `stop` in any case.
   *
   * @param address HOST:PORT where the other members reach this node.
   */
  start(address: string): Promise<MemberFailure | undefined>;
  /** What keeps the node from serving everything, a line for each. */
  obstacles(): readonly string[];
  /** Puts the services for clients and operators on a router. Until it serves, they refuse all calls. */
  register(router: ConnectRouter): void;
  /** Serves a stream of another member. */
  readonly accept: PeerMesh["accept"];
  /** What this node says of itself to others; undefined while it does not know its cluster. */
  introduce(): Introduction | undefined;
  /** Has a node that asks for it put on the list of members. */
  join(request: JoinRequest): Promise<JoinOutcome>;
  /** Begins nothing more, and gives its leaderships to others, as far as they take them soon. */
  handOver(): Promise<void>;
  /** Answers what is under way and ends every stream. */
  drain(): Promise<void>;
  /** Does both, if that was not done, closes the log and gives the directory back. */
  stop(): Promise<void>;
}

/** A node that is not started yet. */
export function createMember(
  options: MemberOptions,
  platform: MemberPlatform,
  events: MemberEvents = {},
): RunningMember {
  return new SettlingMember(options, platform, events);
}

class SettlingMember implements RunningMember {
  readonly failed: Promise<MemberFailure>;
  readonly #options: MemberOptions;
  readonly #platform: MemberPlatform;
  readonly #events: MemberEvents;
  readonly #loop: LoopWatch;
  readonly #over = new AbortController();
  readonly #working: Promise<void>[] = [];
  #fail: (failure: MemberFailure) => void = () => {};
  #address = "";
  #identity: NodeIdentity | undefined;
  #member: ClusterMember | undefined;
  #waitsFor = "starting";
  #handedOver: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: MemberOptions, platform: MemberPlatform, events: MemberEvents) {
    this.#options = options;
    this.#platform = platform;
    this.#events = events;
    this.#loop = new LoopWatch(platform.clock);
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  get serving(): ClusterMember | undefined {
    return this.#member;
  }

  start(address: string): Promise<MemberFailure | undefined> {
    assert(this.#address === "", "a node starts once");
    this.#address = address;
    this.#watchLoop();
    return settle({
      options: this.#options,
      platform: this.#platform,
      waitFor: (what, identity) => this.#waitFor(what, identity),
      work: (task) => this.#work(task),
      begin: (identity) => this.#begin(identity),
    });
  }

  obstacles(): readonly string[] {
    return this.#member === undefined ? [this.#waitsFor] : this.#member.obstacles();
  }

  register(router: ConnectRouter): void {
    const { served } = this.#options.dialects ?? defaultDialectOptions;
    if (this.#member === undefined) registerWaitingServices(router, served);
    else this.#member.register(router);
  }

  readonly accept: PeerMesh["accept"] = (requests) =>
    this.#member?.mesh.accept(requests) ??
    refusingStream({ reason: "not-ready", detail: "it is starting" });

  introduce(): Introduction | undefined {
    const identity = this.#member?.list.identity ?? this.#identity;
    if (identity === undefined) return undefined;
    const { clusterId, partitionCount, node, incarnation, state, nonce, recorded } = identity;
    return {
      protocolVersion: PEER_PROTOCOL_VERSION,
      version: this.#options.version,
      ...{ clusterId, partitionCount, node, incarnation, state, nonce, recorded },
      hasLeader: this.#member?.hasLeader ?? false,
      listed: identity.members,
      members: membersOf(identity),
      membersAsOf: identity.knownAsOf,
    };
  }

  async join(request: JoinRequest): Promise<JoinOutcome> {
    const { protocolVersion, clusterId } = request;
    if (protocolVersion !== PEER_PROTOCOL_VERSION) {
      const detail = `protocol ${protocolVersion}; this node speaks ${PEER_PROTOCOL_VERSION}`;
      return refused("protocol-version", detail);
    }
    const known = this.introduce();
    if (known === undefined) return refused("not-now", "the node does not know its cluster yet");
    if (clusterId !== known.clusterId) {
      return refused("foreign-cluster", "the replica is of another cluster");
    }
    return this.#member?.join(request) ?? refused("not-now", "the node is starting");
  }

  handOver(): Promise<void> {
    this.#handedOver ??= this.#handOver();
    return this.#handedOver;
  }

  async drain(): Promise<void> {
    await this.#member?.drain();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #handOver(): Promise<void> {
    this.#over.abort();
    await Promise.all(this.#working);
    await this.#member?.handOver();
  }

  async #stop(): Promise<void> {
    await this.handOver();
    await this.#member?.stop();
    this.#loop.stop();
    await this.#platform.directory.close();
  }

  #waitFor(what: string, identity: NodeIdentity | undefined): void {
    this.#waitsFor = what;
    this.#identity = identity;
  }

  #work(task: (signal: AbortSignal) => Promise<MemberFailure | undefined>): void {
    const { signal } = this.#over;
    const done = task(signal).then((fault) => {
      if (fault !== undefined && !signal.aborted) this.#fail(fault);
    });
    this.#working.push(done);
  }

  async #begin(identity: NodeIdentity): Promise<MemberFailure | undefined> {
    assert(this.#member === undefined, "a node begins once");
    this.#waitFor("reading the log", identity);
    const changed = (): void => this.#events.changed?.();
    const member = new ClusterMember({
      ...{ options: this.#options, platform: this.#platform, identity, changed },
      ...{ address: this.#address, loop: this.#loop, failed: this.#fail },
    });
    const fault = await member.start();
    if (fault !== undefined || this.#over.signal.aborted) {
      await member.stop();
      return fault;
    }
    this.#member = member;
    this.#events.serving?.();
    changed();
    if (identity.state === "joining") this.#join(member);
    return undefined;
  }

  /** Has the members add this node to their list, whose groups then take it in. */
  #join(member: ClusterMember): void {
    const { identity } = member.list;
    const { clock, chance, dialer, log } = this.#platform;
    const { clusterId, node, incarnation } = identity;
    const own = { node, incarnation, address: this.#address };
    const addresses = membersOf(identity)
      .filter((each) => each.node !== node)
      .map(({ address }) => address);
    this.#work(async (signal) => {
      const outcome = await runJoinRounds({
        request: { ...own, clusterId, protocolVersion: PEER_PROTOCOL_VERSION },
        targets: () => [...new Set([...this.#options.join, ...addresses])],
        isDone: () => member.list.isListed,
        introducer: dialer,
        clock,
        prng: createPrng(chance.seed()),
        log: (text) => log("info", text),
        signal,
      });
      if (outcome?.kind === "refused") return failure("refused", outcome.detail);
      if (outcome !== undefined) member.list.learn(outcome.members, outcome.membersAsOf);
      return undefined;
    });
  }

  #watchLoop(): void {
    const { clock, observer } = this.#platform;
    let lastMs = clock.monotonicMs();
    this.#loop.onBeat(() => {
      const nowMs = clock.monotonicMs();
      observer?.beat(Math.max(0, nowMs - lastMs - TICK_MS));
      lastMs = nowMs;
    });
    this.#loop.start();
  }
}

function refused(reason: JoinRefusal, detail: string): JoinOutcome {
  return { kind: "refused", reason, detail };
}
