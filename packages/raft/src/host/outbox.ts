// SPDX-License-Identifier: Apache-2.0
/**
 * What a turn sends: the messages of all groups, gathered by replica into one frame each.
 *
 * A heartbeat that says what the one before it said, and an answer that does, are in no hurry: they
 * go with whatever else goes to that replica, or with the next beat that sends heartbeats. An idle
 * cluster exchanges one frame each way for a beat then, however its groups began to count.
 */

import type { RaftMessage } from "../core/message.ts";
import type { GroupId, ReplicaId } from "../ids.ts";
import type { GroupMessage, Transport } from "../transport.ts";

type Heartbeat = Extract<RaftMessage, { readonly kind: "heartbeat" }>;
type HeartbeatResponse = Extract<RaftMessage, { readonly kind: "heartbeat-response" }>;

interface Gathered {
  urgent: GroupMessage[];
  /** The latest of each group. */
  readonly heartbeats: Map<GroupId, GroupMessage>;
  readonly responses: Map<GroupId, GroupMessage>;
  /** What the groups have said last, whether it arrived or not: it comes again with every beat. */
  readonly told: Map<GroupId, Heartbeat>;
  readonly answered: Map<GroupId, HeartbeatResponse>;
}

export class Outbox {
  readonly #transport: Transport;
  readonly #peers = new Map<ReplicaId, Gathered>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  add(to: ReplicaId, group: GroupId, message: RaftMessage): void {
    const gathered = this.#gathered(to);
    if (message.kind === "heartbeat" && isRepeated(gathered.told, group, message)) {
      gathered.heartbeats.set(group, { group, message });
    } else if (
      message.kind === "heartbeat-response" &&
      isAnsweredAgain(gathered.answered, group, message)
    ) {
      gathered.responses.set(group, { group, message });
    } else {
      gathered.urgent.push({ group, message });
    }
  }

  /** @param isBeat what is in no hurry goes too. */
  flush(isBeat: boolean): void {
    for (const [to, gathered] of this.#peers) {
      const { urgent, heartbeats, responses } = gathered;
      if (urgent.length === 0 && !isBeat) continue;
      if (urgent.length + heartbeats.size + responses.size === 0) continue;
      const messages = [...heartbeats.values(), ...responses.values(), ...urgent];
      heartbeats.clear();
      responses.clear();
      gathered.urgent = [];
      this.#transport.send(to, messages);
    }
  }

  #gathered(to: ReplicaId): Gathered {
    let gathered = this.#peers.get(to);
    if (gathered === undefined) {
      const [told, answered] = [new Map(), new Map()];
      gathered = { urgent: [], heartbeats: new Map(), responses: new Map(), told, answered };
      this.#peers.set(to, gathered);
    }
    return gathered;
  }
}

/** Remembers what is told, as well. A new raftTerm, commit or round is news. */
function isRepeated(
  told: Map<GroupId, Heartbeat>,
  group: GroupId,
  { raftTerm, leaderCommit, round }: Heartbeat,
): boolean {
  const last = told.get(group);
  const isSame = last !== undefined && last.raftTerm === raftTerm;
  if (isSame && leaderCommit <= last.leaderCommit && round <= last.round) return true;
  told.set(group, {
    kind: "heartbeat",
    raftTerm,
    leaderCommit: isSame ? Math.max(leaderCommit, last.leaderCommit) : leaderCommit,
    // A notice of the commit alone has round 0 and takes back no round.
    round: isSame ? Math.max(round, last.round) : round,
  });
  return false;
}

/** Somebody waits for the answer to a new round; another raftTerm deposes a leader. */
function isAnsweredAgain(
  answered: Map<GroupId, HeartbeatResponse>,
  group: GroupId,
  response: HeartbeatResponse,
): boolean {
  const last = answered.get(group);
  if (last?.raftTerm === response.raftTerm && response.round <= last.round) return true;
  answered.set(group, response);
  return false;
}
