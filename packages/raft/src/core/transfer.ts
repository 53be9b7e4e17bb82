// SPDX-License-Identifier: Apache-2.0
/**
 * Handing the leadership over (thesis 3.10): the leader takes no proposals, brings the other up to
 * date, and tells it to begin an election at once. If that has come to nothing after an election
 * timeout it leads on.
 */

import type { ReplicaId } from "../ids.ts";
import { type Output, send } from "./output.ts";
import { replicateTo } from "./sending.ts";
import type { Leadership, RaftState } from "./state.ts";

/**
 * Asked for with a member that does not vote, or of one that does not lead, it does nothing; nor if it
 * is under way already, or whoever asks often enough would keep the leader from ever leading on.
 */
export function transfer(state: RaftState, out: Output, to: ReplicaId): void {
  const { role, config } = state;
  if (role.kind !== "leader" || to === config.replica || role.transfer?.to === to) return;
  if (!state.configurations.inUse.configuration.voters.includes(to)) return;
  role.transfer = { to, elapsedTicks: 0 };
  handOver(state, role, out);
}

/** Tells the successor to begin, if it has everything. */
export function handOver(state: RaftState, leadership: Leadership, out: Output): void {
  const { transfer: underWay, progress } = leadership;
  const successor = underWay && progress.get(underWay.to);
  if (underWay === undefined || successor === undefined) return;
  if (successor.matchIndex < state.log.last.index) {
    replicateTo(state, out, underWay.to, successor);
    return;
  }
  send(out, underWay.to, { kind: "timeout-now", raftTerm: state.raftTerm });
}

export function tickTransfer(state: RaftState, leadership: Leadership): void {
  const { transfer: underWay } = leadership;
  if (underWay === undefined) return;
  underWay.elapsedTicks += 1;
  if (underWay.elapsedTicks >= state.config.electionTicks.min) leadership.transfer = undefined;
}
