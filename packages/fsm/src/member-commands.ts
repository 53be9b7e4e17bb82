// SPDX-License-Identifier: Apache-2.0
/**
 * The list of the cluster's members: state of partition 1, and empty in every other (decision 0011).
 *
 * It says who should be there. Each Raft group brings its own configuration to it; nothing here
 * knows how far that has come, or who can be reached.
 */

import { assert, unreachable } from "@conclave/base";
import type { MemberCommand } from "./command.ts";
import { hasTwins, type InvitedMember, type Member } from "./member.ts";
import type { MemberReply } from "./reply.ts";
import type { Turn } from "./turn.ts";

/** Changes the list, or says why not. A command that finds what it asks for changes nothing. */
export function changeMembers(turn: Turn, command: MemberCommand): MemberReply {
  switch (command.kind) {
    case "set-first-members":
      return setFirstMembers(turn, command.members);
    case "invite-member":
      return inviteMember(turn, command);
    case "put-member":
      return putMember(turn, command);
    case "remove-member":
      return removeMember(turn, command.node);
    default:
      return unreachable(command);
  }
}

const CHANGED: MemberReply = { kind: "members-changed", already: false };
const ALREADY: MemberReply = { kind: "members-changed", already: true };
const NO_MEMBERS: MemberReply = { kind: "members-refused", reason: "no_members" };

function setFirstMembers(turn: Turn, members: readonly Member[]): MemberReply {
  const { state } = turn;
  if (state.members.length > 0) return ALREADY;
  assert(!hasTwins(members), "E18: a member is listed once");
  state.members = members.toSorted(byNode);
  turn.membersChanged = true;
  return CHANGED;
}

function inviteMember(turn: Turn, { node, address }: InvitedMember): MemberReply {
  const { state } = turn;
  if (state.members.length === 0) return NO_MEMBERS;
  const known = [...state.members, ...state.invited].find((member) => member.node === node);
  if (known?.address === address) return ALREADY;
  if (known !== undefined) return { kind: "members-refused", reason: "member_exists" };
  const problem = problemOf(turn, { node, address });
  if (problem !== undefined) return problem;
  state.invited = [...state.invited, { node, address }].toSorted(byNode);
  turn.membersChanged = true;
  return CHANGED;
}

function putMember(turn: Turn, { node, incarnation, address }: Member): MemberReply {
  const { state } = turn;
  if (state.members.length === 0) return NO_MEMBERS;
  const known = state.members.find((member) => member.node === node);
  if (known?.incarnation === incarnation && known.address === address) return ALREADY;
  const problem = problemOf(turn, { node, address });
  if (problem !== undefined) return problem;
  state.invited = state.invited.filter((invited) => invited.node !== node);
  const others = state.members.filter((member) => member.node !== node);
  state.members = [...others, { node, incarnation, address }].toSorted(byNode);
  turn.membersChanged = true;
  return CHANGED;
}

function removeMember(turn: Turn, node: number): MemberReply {
  const { state } = turn;
  const members = state.members.filter((member) => member.node !== node);
  const invited = state.invited.filter((member) => member.node !== node);
  if (members.length + invited.length === state.members.length + state.invited.length) {
    return { kind: "members-refused", reason: "no_such_member" };
  }
  // Without members nobody could ever be added again.
  if (members.length === 0) return { kind: "members-refused", reason: "last_member" };
  state.members = members;
  state.invited = invited;
  turn.membersChanged = true;
  return CHANGED;
}

/** What stands against the node being listed under the address, as a new member or in place of one. */
function problemOf({ state }: Turn, { node, address }: InvitedMember): MemberReply | undefined {
  const others = [...state.members, ...state.invited].filter((member) => member.node !== node);
  if (others.some((member) => member.address === address)) {
    return { kind: "members-refused", reason: "address_taken" };
  }
  if (others.length >= state.limits.membersMax) {
    return { kind: "members-refused", reason: "too_many_members" };
  }
  return undefined;
}

function byNode(a: InvitedMember, b: InvitedMember): number {
  return a.node - b.node;
}
