// SPDX-License-Identifier: Apache-2.0
/**
 * Settles who a node is: a member of a first start, one that is added to a running cluster, or one
 * that lost its log and has to begin anew under another incarnation.
 *
 * Each step is written down before what depends on it is done (decision 0013).
 */

import { type Clock, createPrng, type Prng, unreachable } from "@conclave/base";
import { isMajorityIntact } from "../peer/formation.ts";
import { runFormationRounds } from "../peer/formation-rounds.ts";
import type { Introduction } from "../wire/introduction.ts";
import {
  differenceOf,
  firstIdentity,
  isAlone,
  membersOf,
  type NodeIdentity,
  type WantedIdentity,
} from "./identity.ts";
import { failure, type MemberFailure } from "./member-failure.ts";
import type { MemberOptions, MemberPlatform } from "./member-platform.ts";

/** How long a node whose log is damaged looks for others that know more, before it gives up. */
const HEAL_PATIENCE_MS = 30_000;
const ASK_EVERY_MS = 500;
const ANSWER_MS = 2_000;

/** Whose identity is to be settled. */
export interface Unsettled {
  readonly options: MemberOptions;
  readonly platform: MemberPlatform;
  /** Says what keeps the node from serving, and to the other members who it is. */
  waitFor(what: string, identity: NodeIdentity | undefined): void;
  /** Does what must wait for others, after `settle` has resolved. It fails the node if it says why. */
  work(task: (signal: AbortSignal) => Promise<MemberFailure | undefined>): void;
  /** Reads the log and serves as who the identity says. May be called again after a failure. */
  begin(identity: NodeIdentity): Promise<MemberFailure | undefined>;
}

/** Lets the node begin, or has it wait for others in the background; resolves with what is wrong. */
export async function settle(node: Unsettled): Promise<MemberFailure | undefined> {
  const { options, platform } = node;
  const { chance, directory } = platform;
  const wanted: WantedIdentity = { ...options, token: options.clusterToken };
  const settling = new Settling(node);
  const { found } = directory;
  switch (found.kind) {
    case "found": {
      const { identity } = found;
      const difference = differenceOf(identity, wanted);
      if (difference === undefined) return settling.goOn(identity);
      // One that was restored holds a log already, of the cluster that it was restored for.
      const isEmpty = identity.state === "unformed" && identity.restoredFrom === undefined;
      const mayChange = isEmpty && identity.node === wanted.node;
      if (!mayChange) return failure("foreign", difference);
      // It has never voted, and whoever mistyped a list must be able to correct it.
      return settling.found(firstIdentity(wanted, identity));
    }
    case "none":
      if (options.join.length > 0) return settling.enter();
      return settling.found(firstIdentity(wanted, { nonce: chance.nonce() }));
    case "damaged":
      // Only a list says who this node may have been, and whom to ask.
      if (options.members === undefined) return failure("damaged", found.detail);
      return settling.heal(firstIdentity(wanted, { nonce: chance.nonce() }), found.detail);
    case "older":
    case "newer":
      return failure(found.kind, found.detail);
    default:
      return unreachable(found);
  }
}

class Settling {
  readonly #node: Unsettled;
  readonly #prng: Prng;

  constructor(node: Unsettled) {
    this.#node = node;
    this.#prng = createPrng(node.platform.chance.seed());
  }

  /** A directory that was used before. */
  async goOn(identity: NodeIdentity): Promise<MemberFailure | undefined> {
    if (identity.state === "unformed") return this.#form(identity);
    if (!identity.isLogStale) return this.#begin(identity);
    const { directory } = this.#node.platform;
    const fault = await directory.putLogAside();
    if (fault !== undefined) return failure(fault.reason, fault.detail);
    const fresh = { ...identity, isLogStale: false };
    const unsaved = await directory.save(fresh);
    return unsaved === undefined ? this.#begin(fresh) : failure(unsaved.reason, unsaved.detail);
  }

  /** A first start. */
  async found(identity: NodeIdentity): Promise<MemberFailure | undefined> {
    const fault = await this.#node.platform.directory.save(identity);
    return fault === undefined ? this.goOn(identity) : failure(fault.reason, fault.detail);
  }

  /** Asks the members of a running cluster which one it is, to become one of them. */
  enter(): undefined {
    const { options, platform } = this.#node;
    const { chance } = platform;
    const asked = options.join;
    this.#node.waitFor(`waiting for ${asked.join(" or ")} to say which cluster it is`, undefined);
    this.#node.work(async (signal) => {
      const answer = await this.#firstAnswer(asked, signal);
      if (answer === undefined) return undefined;
      const { clusterId, partitionCount, recorded, members, membersAsOf } = answer;
      return this.found({
        node: options.node,
        incarnation: chance.incarnation(),
        ...{ clusterId, partitionCount, recorded },
        members: [],
        nonce: chance.nonce(),
        state: "joining",
        known: members,
        knownAsOf: membersAsOf,
        isLogStale: false,
      });
    });
    return undefined;
  }

  /** The log is damaged: if others have all of it, this node may begin anew as somebody else. */
  heal(identity: NodeIdentity, detail: string): MemberFailure | undefined {
    if (isAlone(identity)) return failure("damaged", detail);
    const { log, chance } = this.#node.platform;
    log("warn", `damaged, asking the other members whether they have it all: ${detail}`);
    this.#node.waitFor("damaged, waiting for a leader among the other members", undefined);
    this.#node.work(async (signal) => {
      if (!(await this.#findsMajority(identity, signal))) return failure("damaged", detail);
      const incarnation = chance.incarnation();
      log("warn", `beginning anew as incarnation ${incarnation}, the old log is kept aside`);
      const nonce = chance.nonce();
      return this.found({ ...identity, incarnation, nonce, state: "joining", isLogStale: true });
    });
    return undefined;
  }

  #form(identity: NodeIdentity): undefined {
    const { clock, chance, dialer, log } = this.#node.platform;
    this.#node.waitFor("waiting for the other members of the first start", identity);
    this.#node.work(async (signal) => {
      const decision = await runFormationRounds({
        self: { ...identity, listed: identity.members },
        introducer: dialer,
        clock,
        prng: this.#prng.child("formation"),
        log: (text) => log("info", text),
        signal,
      });
      if (decision === undefined) return undefined;
      if (decision.kind === "refuse") return failure("refused", decision.difference);
      const { recorded } = decision;
      if (decision.kind === "form") return this.found({ ...identity, state: "formed", recorded });
      const incarnation = chance.incarnation();
      log("warn", `another directory had this node's place: joining as ${incarnation}`);
      return this.found({ ...identity, incarnation, state: "joining", recorded });
    });
    return undefined;
  }

  async #begin(identity: NodeIdentity): Promise<MemberFailure | undefined> {
    const fault = await this.#node.begin(identity);
    return fault?.reason === "damaged" ? this.heal(identity, fault.detail) : fault;
  }

  async #firstAnswer(
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<Introduction | undefined> {
    while (!signal.aborted) {
      for (const answer of await this.#ask(addresses, signal)) {
        if (answer.state === "formed") return answer;
      }
      await pause(this.#node.platform.clock, signal);
    }
    return undefined;
  }

  async #findsMajority(identity: NodeIdentity, signal: AbortSignal): Promise<boolean> {
    const others = membersOf(identity).filter(({ node }) => node !== identity.node);
    const addresses = others.map(({ address }) => address);
    const { clock } = this.#node.platform;
    const endMs = clock.monotonicMs() + HEAL_PATIENCE_MS;
    while (!signal.aborted && clock.monotonicMs() < endMs) {
      const answers = await this.#ask(addresses, signal);
      const ours = answers.filter(({ clusterId }) => clusterId === identity.clusterId);
      if (isMajorityIntact(ours)) return true;
      await pause(clock, signal);
    }
    return false;
  }

  async #ask(addresses: readonly string[], signal: AbortSignal): Promise<readonly Introduction[]> {
    const asked = addresses.map((address) =>
      this.#node.platform.dialer.introduce(address, ANSWER_MS, signal),
    );
    return (await Promise.all(asked)).filter((answer) => answer !== undefined);
  }
}

function pause(clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancelTimer();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancelTimer = clock.setTimer(ASK_EVERY_MS, end);
    signal.addEventListener("abort", end);
  });
}
