// SPDX-License-Identifier: Apache-2.0
/**
 * The attachments of one session: one to some node, and one to each further node that leads a
 * partition where the session has business (decision 0012).
 *
 * A partition's frames go over its route: the attachment to its leader where that stands, else the
 * one that they went over before, else any, since every node forwards. Nothing that was opened is
 * closed because leaders have moved: to a server the end of a stream may start the disconnect grace.
 * What goes over a route is the owner's business.
 */

import type { AttachHello, AttachRequest, AttachResponse, AttachWelcome } from "@conclave/api";
import { type Addresses, Channel, type ChannelContext, type ChannelOwner } from "./channel.ts";
import type { Endpoints } from "./endpoints.ts";
import { ElectionError } from "./error.ts";
import { MemberAddress } from "./member-address.ts";
import type { Topology } from "./topology.ts";

export interface AttachmentsContext extends ChannelContext {
  readonly endpoints: Endpoints;
  readonly topology: Topology;
}

export interface AttachmentsOwner {
  /** How long a first attempt waits for the node's answer; doubled after each failure. */
  readonly welcomeMs: number;
  hello(): AttachHello;
  attached(channel: Channel, welcome: AttachWelcome): void;
  received(channel: Channel, frame: AttachResponse): void;
  /** Its routes are taken elsewhere next. `isGoodbye`: the server ended it and said so. */
  detached(channel: Channel, isGoodbye: boolean): void;
  drain(channel: Channel): AttachRequest | undefined;
  /** The routes of these partitions have changed; `route` tells the new ones. */
  rerouted(partitions: readonly number[]): void;
}

/** Where what concerns no partition, or all of them, is sent. */
export const ANYWHERE = 0;

export class Attachments implements ChannelOwner {
  readonly #context: AttachmentsContext;
  readonly #owner: AttachmentsOwner;
  /** To some node: whichever of the endpoints answers. */
  readonly #home: Channel;
  /** By node. */
  readonly #pinned = new Map<number, Channel>();
  readonly #used = new Set<number>();
  readonly #routes = new Map<number, Channel>();
  /** By partition: where it was not served, until the cluster has changed. */
  readonly #avoided = new Map<number, Set<Channel>>();
  readonly #unlisten: () => void;

  constructor(context: AttachmentsContext, owner: AttachmentsOwner) {
    this.#context = context;
    this.#owner = owner;
    this.#home = new Channel(context, context.endpoints, this);
    this.#unlisten = context.topology.onChange(() => {
      this.#avoided.clear();
      this.#reroute();
    });
  }

  open(): void {
    this.#home.open();
  }

  get isAttached(): boolean {
    return this.#all().some((channel) => channel.isAttached);
  }

  /** There is business on this partition, from now on. */
  use(partition: number): void {
    if (this.#used.has(partition)) return;
    this.#used.add(partition);
    this.#reroute();
  }

  route(partition: number): Channel | undefined {
    return this.#routes.get(partition);
  }

  /**
   * The partition is not served over this attachment: takes its route elsewhere. False when it has
   * been served nowhere since the cluster last changed.
   */
  avoid(partition: number, channel: Channel): boolean {
    const avoided = this.#avoided.get(partition) ?? new Set();
    this.#avoided.set(partition, avoided.add(channel));
    this.#reroute();
    const route = this.#routes.get(partition);
    return route !== undefined && !avoided.has(route);
  }

  close(): void {
    this.#unlisten();
    for (const channel of this.#all()) channel.close();
  }

  // What the channels ask and tell.

  get welcomeMs(): number {
    return this.#owner.welcomeMs;
  }

  hello(): AttachHello {
    return this.#owner.hello();
  }

  attached(channel: Channel, welcome: AttachWelcome): void {
    this.#avoided.clear();
    this.#owner.attached(channel, welcome);
    this.#reroute();
  }

  received(channel: Channel, frame: AttachResponse): void {
    this.#owner.received(channel, frame);
  }

  detached(channel: Channel, isGoodbye: boolean): void {
    this.#owner.detached(channel, isGoodbye);
    // Patience with the others was measured by leases that the end of this one may have cut.
    for (const other of this.#all()) other.hurry();
    this.#reroute();
  }

  drain(channel: Channel): AttachRequest | undefined {
    return this.#owner.drain(channel);
  }

  #reroute(): void {
    for (const partition of this.#used) this.#openTo(this.#context.topology.leaderOf(partition));
    const changed: number[] = [];
    for (const partition of this.#used) {
      const best = this.#best(partition);
      if (best === this.#routes.get(partition)) continue;
      if (best === undefined) this.#routes.delete(partition);
      else this.#routes.set(partition, best);
      changed.push(partition);
    }
    if (changed.length > 0) this.#owner.rerouted(changed);
  }

  #best(partition: number): Channel | undefined {
    const leader = this.#context.topology.leaderOf(partition);
    const atLeader = leader === undefined ? undefined : this.#at(leader);
    const inOrder = [atLeader, this.#routes.get(partition), ...this.#all()];
    const attached = inOrder.filter((channel) => channel?.isAttached === true);
    const avoided = this.#avoided.get(partition);
    return attached.find((channel) => avoided?.has(channel!) !== true) ?? attached[0];
  }

  #at(node: number): Channel | undefined {
    return this.#home.node === node ? this.#home : this.#pinned.get(node);
  }

  /** Begins to attach to a node, unless it has begun or nothing is known of it. */
  #openTo(node: number | undefined): void {
    if (node === undefined || !this.#isWanted(node)) return;
    let channel = this.#pinned.get(node);
    if (channel === undefined) {
      channel = this.#pin(node);
      this.#pinned.set(node, channel);
    }
    channel.open();
  }

  #pin(node: number): Channel {
    const context = this.#context;
    const admit: ChannelContext["admit"] = (welcome, url) =>
      context.admit(welcome, url) ?? this.#refuseOther(node, welcome, url);
    const addresses: Addresses = new MemberAddress(
      () => (this.#isWanted(node) ? context.topology.urlsOf(node) : []),
      context.runtime.prng,
    );
    return new Channel({ ...context, admit }, addresses, this);
  }

  /** Behind a balancer another node may answer than the one that answered there before. */
  #refuseOther(node: number, { cluster }: AttachWelcome, url: string): ElectionError | undefined {
    if (cluster === undefined || cluster.node === node) return undefined;
    this.#context.told(cluster, url);
    return new ElectionError("NO_QUORUM", `${url} is node ${cluster.node}, not node ${node}`);
  }

  /** Whether an attachment to this node of its own would be of use. */
  #isWanted(node: number): boolean {
    if (!this.#home.isAttached || this.#home.node === node) return false;
    if (this.#context.topology.urlsOf(node).length === 0) return false;
    return [...this.#used].some((p) => this.#context.topology.leaderOf(p) === node);
  }

  #all(): Channel[] {
    return [this.#home, ...this.#pinned.values()];
  }
}
