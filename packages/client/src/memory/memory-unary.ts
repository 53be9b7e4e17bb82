// SPDX-License-Identifier: Apache-2.0
/** The twin's answers to unary calls: what a client says that has no stream towards its server. */

import { create } from "@bufbuild/protobuf";
import {
  type AttachCommand,
  type AttachReply,
  AttachRequestSchema,
  Cause,
  type CloseSessionRequest,
  type KeepAliveRequest,
  type KeepAliveResponse,
  KeepAliveResponseSchema,
  type Lease,
  LeaseSchema,
  LeaseStatus,
  type OpenSessionRequest,
  type OpenSessionResponse,
  OpenSessionResponseSchema,
  Reason,
} from "@conclave/api";
import { homeOf } from "../home.ts";
import { refusal } from "./memory-commands.ts";
import type { MemoryServer } from "./memory-server.ts";
import { timesOf } from "./memory-sessions.ts";

export function openSession(
  server: MemoryServer,
  node: number,
  { sessionId, options, partitions }: OpenSessionRequest,
): OpenSessionResponse {
  const session = server.sessions.open(sessionId, timesOf(options));
  const leases = partitions.map((partition) => {
    if (!server.serves(node, partition)) return leaseOf(partition, LeaseStatus.UNCONFIRMED);
    if (session.ended.has(partition)) return leaseOf(partition, LeaseStatus.ENDED);
    if (session.registrations.has(partition)) server.sessions.renew(session, partition, undefined);
    else server.sessions.register(session, partition, undefined);
    return leaseOf(partition, LeaseStatus.CONFIRMED);
  });
  return create(OpenSessionResponseSchema, { sessionId, instance: session.instance, leases });
}

export function keepAlive(
  server: MemoryServer,
  node: number,
  { sessionId, renewal }: KeepAliveRequest,
): KeepAliveResponse {
  const session = server.sessions.find(sessionId);
  const leases = (renewal?.partitions ?? []).map((partition) => {
    if (!server.serves(node, partition)) return leaseOf(partition, LeaseStatus.UNCONFIRMED);
    if (session?.ended.has(partition) === true) return leaseOf(partition, LeaseStatus.ENDED);
    const registration = session?.registrations.get(partition);
    if (session === undefined || registration === undefined) {
      return leaseOf(partition, LeaseStatus.NOT_REGISTERED);
    }
    server.sessions.renew(session, partition, undefined);
    const { officeRevision } = registration;
    const number = renewal?.number ?? 0n;
    return { ...leaseOf(partition, LeaseStatus.CONFIRMED), number, officeRevision };
  });
  return create(KeepAliveResponseSchema, { leases });
}

export function closeSession(server: MemoryServer, { sessionId }: CloseSessionRequest): void {
  const session = server.sessions.find(sessionId);
  if (session === undefined) return;
  for (const partition of [...session.registrations.keys()]) {
    server.end(session, partition, Cause.RESIGNED);
  }
}

/** A command as if it had come over a stream; a session has to be registered before. */
export function runCommand(
  server: MemoryServer,
  node: number,
  command: AttachCommand["command"],
): AttachReply["reply"] {
  const hello = { session: { sessionId: 0n } };
  if (isOwn(command)) {
    const { partitionCount } = server.nodes.info(node, new Uint8Array());
    const home = homeOf(command.value.election?.name ?? "", partitionCount);
    hello.session.sessionId = command.value.command?.sessionId ?? 0n;
    const session = server.sessions.find(hello.session.sessionId);
    const isKnown = session?.registrations.has(home) === true || session?.ended.has(home) === true;
    if (!isKnown) return refusal("failed_precondition", Reason.SESSION_UNKNOWN, "no such session");
  }
  const replies: AttachReply[] = [];
  const connection = server.accept(node, {
    frame: (frame) => void replies.push(...frame.replies),
    lost: () => {},
  });
  const asked = isOwn(command) ? { hello } : { hello: {} };
  connection.receive(
    create(AttachRequestSchema, { ...asked, commands: [{ correlation: 1n, command }] }),
  );
  connection.end();
  return replies[0]?.reply ?? refusal("unavailable", Reason.NO_LEADER, "the node did not answer");
}

type OwnCommand = AttachCommand["command"] & { case: "enter" | "withdraw" | "updateMetadata" };

function isOwn(command: AttachCommand["command"]): command is OwnCommand {
  return ["enter", "withdraw", "updateMetadata"].includes(command.case ?? "");
}

function leaseOf(partition: number, status: LeaseStatus): Lease {
  return create(LeaseSchema, { partition, status });
}
