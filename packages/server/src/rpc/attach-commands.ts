// SPDX-License-Identifier: Apache-2.0
/** The commands of one Attach stream: each is checked, run, and answered under its correlation. */

import type { AttachCommand, AttachReply, CommandResult, ElectionView } from "@conclave/api";
import type { AdminCommand, CandidateCommand, OpenSession, Steer } from "@conclave/fsm";
import type { AttachmentId } from "../replica/deadlines.ts";
import type { ElectionNode } from "../replica/election-node.ts";
import type { PartitionReplica } from "../replica/partition-replica.ts";
import { isFailure } from "../wire/bounds.ts";
import {
  deleteOf,
  enterOf,
  steerOf,
  updateMetadataOf,
  withdrawOf,
} from "../wire/command-requests.ts";
import { type Failure, frameErrorOf, invalidField, notApplied } from "../wire/failure.ts";
import { electionViewOf } from "../wire/views.ts";
import { type CommandSettled, registerAndRun, runCommand } from "./commands.ts";
import type { Outbox } from "./outbox.ts";
import { checkFence, get, list } from "./reads.ts";

type Reply = AttachReply["reply"];
type ResultCase = "enter" | "withdraw" | "updateMetadata" | "delete";

const RESULT_NAMES = {
  enter: "conclave.v1.EnterResponse",
  withdraw: "conclave.v1.WithdrawResponse",
  updateMetadata: "conclave.v1.UpdateMetadataResponse",
  delete: "conclave.v1.DeleteResponse",
} as const;

const STEERED_NAMES = {
  anoint: "conclave.v1.AnointResponse",
  promote: "conclave.v1.PromoteResponse",
  demote: "conclave.v1.DemoteResponse",
  evict: "conclave.v1.EvictResponse",
} as const;

/** A result, an error, or what stands around a view. */
const RESULT_BYTES = 64;

export class AttachCommands {
  readonly #node: ElectionNode;
  readonly #attachment: AttachmentId;
  readonly #outbox: Outbox;
  readonly #idle: () => void;
  /** Partitions where the session was seen to be registered: its end there is told by refusals. */
  readonly #registeredOn = new Set<number>();
  #opening: OpenSession | undefined;
  #openCount = 0;

  /** @param idle called whenever the last open command has been answered. */
  constructor(node: ElectionNode, attachment: AttachmentId, outbox: Outbox, idle: () => void) {
    this.#node = node;
    this.#attachment = attachment;
    this.#outbox = outbox;
    this.#idle = idle;
  }

  /** The stream's session: its commands carry its id, and the first Enter registers it. */
  openedBy(opening: OpenSession): void {
    this.#opening = opening;
  }

  get isIdle(): boolean {
    return this.#openCount === 0;
  }

  run({ correlation, command }: AttachCommand, giveUpAtMs: number): void {
    this.#openCount++;
    switch (command.case) {
      case "enter":
        this.#change(correlation, command.case, enterOf(command.value), giveUpAtMs);
        break;
      case "withdraw":
        this.#change(correlation, command.case, withdrawOf(command.value), giveUpAtMs);
        break;
      case "updateMetadata":
        this.#change(correlation, command.case, updateMetadataOf(command.value), giveUpAtMs);
        break;
      case "delete":
        this.#change(correlation, command.case, deleteOf(command.value), giveUpAtMs);
        break;
      case "anoint":
      case "promote":
      case "demote":
      case "evict":
        this.#steer(correlation, steerOf(command.case, command.value), giveUpAtMs);
        break;
      case "get":
        get(this.#node, command.value, giveUpAtMs, (answer) =>
          this.#answer(correlation, isFailure(answer) ? answer : { case: "get", value: answer }),
        );
        break;
      case "list":
        list(this.#node, command.value, giveUpAtMs, (answer) =>
          this.#answer(correlation, isFailure(answer) ? answer : { case: "list", value: answer }),
        );
        break;
      case "checkFence":
        checkFence(this.#node, command.value, giveUpAtMs, (answer) =>
          this.#answer(
            correlation,
            isFailure(answer) ? answer : { case: "checkFence", value: answer },
          ),
        );
        break;
      default:
        this.#answer(correlation, invalidField("commands.command", "must be set"));
    }
  }

  #change(
    correlation: bigint,
    kind: ResultCase,
    checked: CandidateCommand | AdminCommand | Failure,
    giveUpAtMs: number,
  ): void {
    if (isFailure(checked)) {
      this.#answer(correlation, checked);
      return;
    }
    const settled: CommandSettled = (result) =>
      this.#answer(correlation, isFailure(result) ? result : resultReply(kind, result));
    if ("options" in checked) runCommand(this.#node, checked, { giveUpAtMs }, settled);
    else this.#runForSession(checked, giveUpAtMs, settled);
  }

  #runForSession(command: CandidateCommand, giveUpAtMs: number, settled: CommandSettled): void {
    const home = this.#node.homeOf(command.key);
    const opening = this.#opening;
    if (opening !== undefined && command.id.sessionId !== opening.sessionId) {
      settled(invalidField("command.session_id", "the session of hello"), home);
      return;
    }
    if (opening === undefined || this.#registeredOn.has(home.number)) {
      runCommand(this.#node, command, { giveUpAtMs }, settled);
      return;
    }
    const known = home.session(opening.sessionId);
    if (known !== undefined && known !== "ended") {
      const isMatching = known.ttlMs === opening.ttlMs && known.graceMs === opening.graceMs;
      if (!isMatching) {
        settled(notApplied("session_mismatch"), home);
        return;
      }
      this.#registeredOn.add(home.number);
    }
    // Only an Enter has business where the session is not registered yet.
    if (command.kind !== "enter" || known !== undefined) {
      runCommand(this.#node, command, { giveUpAtMs }, settled);
      return;
    }
    const registering = { opening, attachment: this.#attachment };
    registerAndRun(this.#node, command, registering, { giveUpAtMs }, settled);
  }

  #steer(correlation: bigint, checked: Steer | Failure, giveUpAtMs: number): void {
    if (isFailure(checked)) {
      this.#answer(correlation, checked);
      return;
    }
    runCommand(this.#node, checked, { giveUpAtMs }, (result, home) =>
      this.#answer(correlation, isFailure(result) ? result : steeredReply(checked, result, home)),
    );
  }

  #answer(correlation: bigint, reply: Reply | Failure): void {
    const isError = "kind" in reply;
    const message: AttachReply = {
      $typeName: "conclave.v1.AttachReply",
      correlation,
      reply: isError ? { case: "error", value: frameErrorOf(reply) } : reply,
    };
    this.#outbox.reply(message, bytesOf(message.reply));
    if (--this.#openCount === 0) this.#idle();
  }
}

/** Roughly what a reply takes on the wire. */
function bytesOf(reply: Reply): number {
  switch (reply.case) {
    case "list":
      return reply.value.elections.reduce((sum, view) => sum + viewBytes(view), RESULT_BYTES);
    case "get":
    case "anoint":
    case "promote":
    case "demote":
    case "evict":
      return RESULT_BYTES + viewBytes(reply.value.view);
    default:
      return RESULT_BYTES;
  }
}

/** Names count as if every character took two bytes. */
function viewBytes(view: ElectionView | undefined): number {
  if (view === undefined) return 0;
  const { election, leader, queue } = view;
  let bytes = 64 + 2 * ((election?.name.length ?? 0) + (election?.namespace.length ?? 0));
  for (const { name, metadata } of leader === undefined ? queue : [leader, ...queue]) {
    bytes += 32 + 2 * name.length;
    for (const key in metadata) bytes += 8 + 2 * (key.length + (metadata[key] ?? "").length);
  }
  return bytes;
}

function resultReply(kind: ResultCase, result: CommandResult): Reply {
  return { case: kind, value: { $typeName: RESULT_NAMES[kind], result } } as Reply;
}

function steeredReply({ kind, key }: Steer, result: CommandResult, home: PartitionReplica): Reply {
  const view = electionViewOf(home.number, home.view(key));
  return { case: kind, value: { $typeName: STEERED_NAMES[kind], result, view } } as Reply;
}
