// SPDX-License-Identifier: Apache-2.0
/** Observations and views made by hand, and a judge for them. For specs only. */

import { type Command, createPartition, encodeEntry, type Member } from "@conclave/fsm";
import { type GroupStatus, replicaIdOf } from "@conclave/raft";
import type { ElectionNode } from "@conclave/server";
import type { Observation, ServerLife, Violation } from "../../world/observation.ts";
import type { RunningServer, WorldView } from "../../world/world-view.ts";
import type { Rule } from "../rule.ts";
import { told } from "../rules.ts";
import type { StoryRule } from "../story.ts";

type Seen<K extends Observation["kind"]> = Extract<Observation, { readonly kind: K }>;

/** Observations in order; a view is a step, and the last view is also the end. */
export type Scene = Observation | WorldView;

/** What the rule says first; undefined: it holds. */
export function verdictOf(rule: Rule | StoryRule, scenes: readonly Scene[]): Violation | undefined {
  const check = told([rule]).begin();
  let last: WorldView | undefined;
  for (const [i, scene] of scenes.entries()) {
    const isObservation = "kind" in scene;
    if (!isObservation) last = scene;
    const found = isObservation ? check.observe?.(scene, i) : stepped(check, scene);
    if (found !== undefined) return found;
  }
  return last && check.end?.(last);
}

/** As often as the rarest of samples looks. */
function stepped(check: ReturnType<Rule["begin"]>, view: WorldView): Violation | undefined {
  for (let step = 0; step < 1024; step++) {
    const found = check.step?.(view);
    if (found !== undefined) return found;
  }
  return undefined;
}

export function life(node: number, number = 1, incarnation = 0): ServerLife {
  return { node, life: number, incarnation };
}

/** @param log its lastIndex is its commitIndex, where it is not said. */
export function leads(
  server: ServerLife,
  raftTerm: number,
  log: { readonly commitIndex?: number; readonly lastIndex?: number } = {},
): Seen<"role"> {
  const { commitIndex = 0 } = log;
  return {
    ...{ kind: "role", server, group: 1, role: { kind: "leader", raftTerm } },
    ...{ commitIndex, lastIndex: log.lastIndex ?? commitIndex },
  };
}

/** Entries as [index, raftTerm, text]. */
export function committed(
  server: ServerLife,
  ...entries: readonly (readonly [index: number, raftTerm: number, text?: string])[]
): Seen<"committed"> {
  return {
    ...{ kind: "committed", server, group: 1 },
    entries: entries.map(([index, raftTerm, text = "x"]) => ({
      ...{ index, raftTerm, bytes: new TextEncoder().encode(text) },
    })),
  };
}

export function votes(server: ServerLife, raftTerm: number, candidate: number): Seen<"vote"> {
  return { kind: "vote", server, group: 1, raftTerm, candidate };
}

export function restored(server: ServerLife, index: number, raftTerm: number): Seen<"restored"> {
  return { kind: "restored", server, group: 1, index, raftTerm };
}

export function acknowledged(server: ServerLife, index: number): Seen<"acknowledged"> {
  return { kind: "acknowledged", server, group: 1, index };
}

export function started(server: ServerLife): Seen<"server-started"> {
  return { kind: "server-started", server };
}

export function ended(server: ServerLife): Seen<"server-ended"> {
  return { kind: "server-ended", server, how: "power-cut", detail: "" };
}

/** One entry of the log of partition 1, first given to node 1. */
export function entry(index: number, ...commands: readonly Command[]): Seen<"committed"> {
  const bytes = encodeEntry({ timeMs: 1_000, commands });
  const entries = [{ index, raftTerm: 1, bytes }];
  return { kind: "committed", server: life(1), group: 1, entries };
}

const KEY = { kind: "election", namespace: "default", name: "e" } as const;

export function opens(sessionId: bigint): Command {
  return { kind: "open-session", sessionId, ttlMs: 1_000, graceMs: 0, labels: new Map() };
}

export function enters(candidate: string, sessionId: bigint, number = 1): Command {
  const id = { sessionId, number, acknowledged: 0 };
  return { kind: "enter", key: KEY, candidate, metadata: new Map(), takeover: false, id };
}

export function withdraws(candidate: string, sessionId: bigint, number: number): Command {
  const id = { sessionId, number, acknowledged: 0 };
  return { kind: "withdraw", key: KEY, candidate, id };
}

export function expires(...sessions: readonly bigint[]): Command {
  const expired = sessions.map((sessionId) => ({ sessionId, cause: "expired" as const }));
  return { kind: "expire-sessions", sessions: expired };
}

export function anoints(candidate: string): Command {
  return { kind: "anoint", key: KEY, candidate, options: { reason: "" } };
}

export function takes(
  client: string,
  candidate: string,
  term: bigint,
  state: Seen<"office">["state"] = "taken",
): Seen<"office"> {
  return { kind: "office", client, election: "e", candidate, term, state };
}

export function watched(
  revision: bigint,
  term: bigint,
  candidates: readonly string[],
  isGap = false,
): Seen<"watched"> {
  const leader = candidates[0];
  const from = { client: "w", watch: 1, election: isGap ? "" : "e" };
  return { kind: "watched", ...from, revision, term, leader, candidates, isGap };
}

function status(changes: Partial<GroupStatus> = {}): GroupStatus {
  return {
    ...{
      raftTerm: 1,
      votedFor: undefined,
      role: { kind: "follower", raftTerm: 1, leader: undefined },
    },
    ...{ commitIndex: 0, appliedIndex: 0, lastIndex: 0, durableIndex: 0, peers: [] },
    configuration: { voters: [replicaIdOf(1, 0)], outgoing: [], learners: [] },
    ...changes,
  };
}

export interface HandMadeServer {
  readonly life: ServerLife;
  readonly status?: Partial<GroupStatus>;
  readonly members?: readonly Member[];
  readonly state?: ReturnType<typeof createPartition>;
}

export function server(made: HandMadeServer): RunningServer {
  const state = made.state ?? createPartition();
  const partition = { number: 1, state };
  // Of a node, rules look at its list of members and at the states of its partitions.
  const replicas = {
    members: () => made.members ?? [],
    partitions: [partition],
    partition: () => partition,
  } as unknown as ElectionNode;
  return { life: made.life, groups: [{ status: () => status(made.status) }], replicas };
}

export function view(changes: Partial<WorldView>): WorldView {
  return { nowMs: 0, partitionCount: 1, servers: [], beliefs: [], waiting: [], ...changes };
}

export function running(...servers: readonly HandMadeServer[]): WorldView {
  return view({ servers: servers.map(server) });
}

export function believes(
  client: string,
  term: bigint,
  remainingMs = 500,
): WorldView["beliefs"][number] {
  return { client, election: "e", candidate: client, term, remainingMs };
}
