// SPDX-License-Identifier: Apache-2.0
/** Members as bytes, in entries and in snapshots: conclave.log.v1.Member and what goes with it. */

import { unreachable } from "@conclave/base";
import type { MemberCommand } from "./command.ts";
import type { InvitedMember, Member } from "./member.ts";
import {
  beginMessage,
  endMessage,
  failUnknown,
  nextField,
  readNumber,
  readText,
  type WireReader,
} from "./wire-reader.ts";
import {
  closeMessage,
  openMessage,
  type WireWriter,
  writeNumber,
  writeText,
} from "./wire-writer.ts";

export function writeMemberCommand(writer: WireWriter, command: MemberCommand): void {
  switch (command.kind) {
    case "set-first-members": {
      const start = openMessage(writer, 11);
      for (const member of command.members) writeMember(writer, 1, member);
      closeMessage(writer, start);
      break;
    }
    case "invite-member":
      writeInvited(writer, 12, command);
      break;
    case "put-member":
      writeMember(writer, 13, command);
      break;
    case "remove-member": {
      const start = openMessage(writer, 14);
      writeNumber(writer, 1, command.node);
      closeMessage(writer, start);
      break;
    }
    default:
      unreachable(command);
  }
}

/** The command in the present field, or undefined where that is none of these. */
export function readMemberCommand(reader: WireReader): MemberCommand | undefined {
  switch (reader.field) {
    case 11:
      return { kind: "set-first-members", members: readFirstMembers(reader) };
    case 12:
      return { kind: "invite-member", ...readInvited(reader) };
    case 13:
      return { kind: "put-member", ...readMember(reader) };
    case 14:
      return { kind: "remove-member", node: readRemoved(reader) };
    default:
      return undefined;
  }
}

export function writeMember(writer: WireWriter, field: number, member: Member): void {
  const start = openMessage(writer, field);
  writeNumber(writer, 1, member.node);
  writeNumber(writer, 2, member.incarnation);
  writeText(writer, 3, member.address);
  closeMessage(writer, start);
}

export function readMember(reader: WireReader): Member {
  let node = 0;
  let incarnation = 0;
  let address = "";
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) node = readNumber(reader);
    else if (reader.field === 2) incarnation = readNumber(reader);
    else if (reader.field === 3) address = readText(reader);
    else failUnknown(reader, `field ${reader.field} of a member`);
  }
  endMessage(reader, outer);
  return { node, incarnation, address };
}

export function writeInvited(writer: WireWriter, field: number, invited: InvitedMember): void {
  const start = openMessage(writer, field);
  writeNumber(writer, 1, invited.node);
  writeText(writer, 2, invited.address);
  closeMessage(writer, start);
}

export function readInvited(reader: WireReader): InvitedMember {
  let node = 0;
  let address = "";
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) node = readNumber(reader);
    else if (reader.field === 2) address = readText(reader);
    else failUnknown(reader, `field ${reader.field} of an invited member`);
  }
  endMessage(reader, outer);
  return { node, address };
}

function readFirstMembers(reader: WireReader): readonly Member[] {
  const members: Member[] = [];
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) members.push(readMember(reader));
    else failUnknown(reader, `field ${reader.field} of the first members`);
  }
  endMessage(reader, outer);
  return members;
}

function readRemoved(reader: WireReader): number {
  let node = 0;
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) node = readNumber(reader);
    else failUnknown(reader, `field ${reader.field} of a removal`);
  }
  endMessage(reader, outer);
  return node;
}
