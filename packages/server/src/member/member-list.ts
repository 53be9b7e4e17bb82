// SPDX-License-Identifier: Apache-2.0
/**
 * Carries the list of members from the state of partition 1 to where it is needed: to the streams
 * between nodes at once, and to the data directory for the next start.
 */

import type { LoopWatch } from "@conclave/base";
import type { Member } from "@conclave/fsm";
import type { LogConfiguration } from "../replica/membership-log.ts";
import type { OpenDirectory } from "./data-directory.ts";
import { membersOf, type NodeIdentity } from "./identity.ts";
import { LeavingMembers } from "./leaving-members.ts";
import type { MemberPlatform } from "./member-platform.ts";

export interface MemberListOptions {
  readonly log: MemberPlatform["log"];
  readonly directory: Pick<OpenDirectory, "save">;
  readonly identity: NodeIdentity;
  /** HOST:PORT where the other members reach this node. */
  readonly address: string;
  readonly loop: Pick<LoopWatch, "onBeat">;
  readonly changed: () => void;
  readonly member: ListedNode;
  /** Has the list changed to what this node says of itself; it resolves however that went. */
  readonly report: (self: Member) => Promise<unknown>;
}

/** What is asked of the member that the list is kept for. */
interface ListedNode {
  readonly appliedIndex: number;
  /** Who counts in each group, as this node knows it. */
  configurations(): readonly LogConfiguration[];
  readonly mesh: { setMembers(members: readonly Member[], asOf: number): void };
  readonly replicas: {
    members(): readonly Member[];
    onMembers(listener: () => void): () => void;
  };
}

/** A list that holds for so many more entries is told anew: whose is newer decides who is heard. */
const FRESH_ENTRIES = 1_000;
/** Between two reports of a new address: a second. */
const REPORT_EVERY_BEATS = 40;

export class MemberList {
  readonly #options: MemberListOptions;
  #identity: NodeIdentity;
  readonly #leaving = new LeavingMembers();
  #hasChanged = true;
  #learntAsOf = 0;
  #stops: (() => void)[] = [];
  #beatsToReport = 0;
  #isReporting = false;

  constructor(options: MemberListOptions) {
    this.#options = options;
    this.#identity = options.identity;
  }

  /** As it stands in the data directory, or soon will. */
  get identity(): NodeIdentity {
    return this.#identity;
  }

  /** Whether partition 1 has this data directory on its list. */
  get isListed(): boolean {
    const { node, incarnation } = this.#identity;
    return this.#options.member.replicas
      .members()
      .some((member) => member.node === node && member.incarnation === incarnation);
  }

  /** From now on every change is passed on. To be called when the log has been read. */
  start(): void {
    const { member, loop } = this.#options;
    const { state, knownAsOf } = this.#identity;
    // Who joins is refused by all until they have taken it in, and is told whom to talk to then.
    if (state === "formed") this.learn(membersOf(this.#identity), knownAsOf);
    // At the beat, when the index up to which the list holds has moved past the change as well.
    this.#stops = [
      member.replicas.onMembers(() => {
        this.#hasChanged = true;
      }),
      loop.onBeat(() => this.#look()),
    ];
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  /** Takes the list from another member, which partition 1 has not told here yet. */
  learn(members: readonly Member[], asOf: number): void {
    this.#options.member.mesh.setMembers(members, asOf);
  }

  obstacles(): readonly string[] {
    if (this.isListed || this.#options.member.replicas.members().length === 0) return [];
    return ["not a member of the cluster, or not any more"];
  }

  #look(): void {
    this.#reportMove();
    const { member, changed } = this.#options;
    const listed = member.replicas.members();
    const knownAsOf = member.appliedIndex;
    if (listed.length === 0) return;
    if (this.#hasChanged) this.#leaving.changed(this.#identity.known, listed);
    const isAnyGone = this.#leaving.beat(() => member.configurations());
    const known = [...listed, ...this.#leaving.members];
    if (this.#hasChanged || isAnyGone || knownAsOf >= this.#learntAsOf + FRESH_ENTRIES) {
      this.#learntAsOf = knownAsOf;
      this.learn(known, knownAsOf);
    }
    if (!this.#hasChanged && !isAnyGone) return;
    this.#hasChanged = false;
    // What joined is a member like any other from here on: others that are new may rely on it.
    const state = this.isListed ? "formed" : this.#identity.state;
    this.#save({ ...this.#identity, known, knownAsOf, state });
    changed();
  }

  /** The others dial this node where the list has it. */
  #reportMove(): void {
    const { address, member, report } = this.#options;
    const { node, incarnation } = this.#identity;
    const own = member.replicas
      .members()
      .find((each) => each.node === node && each.incarnation === incarnation);
    if (own === undefined || own.address === address || this.#isReporting) return;
    if (--this.#beatsToReport > 0) return;
    this.#beatsToReport = REPORT_EVERY_BEATS;
    this.#isReporting = true;
    void report({ ...own, address }).finally(() => {
      this.#isReporting = false;
    });
  }

  #save(identity: NodeIdentity): void {
    const { log, directory } = this.#options;
    this.#identity = identity;
    void directory.save(identity).then((fault) => {
      // The next start asks the members that it knew before.
      if (fault !== undefined) log("warn", `members not written down: ${fault.detail}`);
    });
  }
}
