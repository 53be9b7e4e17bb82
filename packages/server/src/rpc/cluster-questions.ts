// SPDX-License-Identifier: Apache-2.0
/**
 * What one node alone knows, asked of any node: its view of the cluster, and of the partitions that it
 * leads the sessions. One hop; who is asked answers from its own memory or refuses.
 */

import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type {
  ListSessionsRequest,
  ListSessionsResponse,
  StatusRequest,
  StatusResponse,
} from "@conclave/api/cluster";
import { ClusterAnswerSchema, ClusterQuestionSchema } from "@conclave/api/forward";
import type { Clock } from "@conclave/base";
import type { QuestionOutcome } from "../replica/cluster-operation.ts";
import type { ClusterOperations } from "../replica/cluster-operations.ts";
import { isFailure } from "../wire/bounds.ts";
import { failureOfQuestion, nodeOf, sessionPageQueryOf } from "../wire/cluster-requests.ts";
import { connectErrorOf, notApplied } from "../wire/failure.ts";
import { clusterStatus, type StatusSource } from "./cluster-status.ts";
import { SessionLists } from "./session-lists.ts";

export interface ClusterQuestionsOptions extends StatusSource {
  readonly operations: Pick<ClusterOperations, "answerBy" | "askLeader" | "askNode">;
  readonly clock: Clock;
}

/** How long another node has for its status: it needs no round, and whoever asks shows several. */
const STATUS_PATIENCE_MS = 2_000;

export class ClusterQuestions {
  readonly #options: ClusterQuestionsOptions;
  readonly #lists: SessionLists;

  /** Answers the questions of other nodes from now on. */
  constructor(options: ClusterQuestionsOptions) {
    this.#options = options;
    this.#lists = new SessionLists(options.node, options.clock);
    options.operations.answerBy((question) => this.#answer(question));
  }

  async status(
    request: StatusRequest,
    timeoutMs: number = STATUS_PATIENCE_MS,
  ): Promise<StatusResponse> {
    const { node, operations, neighbours } = this.#options;
    const { includeHash, node: asked } = request;
    if (asked === 0 || asked === node.cluster.node)
      return clusterStatus(this.#options, includeHash);
    const problem = nodeOf(asked, "node");
    if (problem !== undefined) throw connectErrorOf(problem);
    const isMember = node.members().some((member) => member.node === asked);
    const isGone = neighbours().some((one) => one.node === asked && !one.isConnected);
    // A call would wait for the connection.
    if (isMember && isGone) throw connectErrorOf(notApplied("node_unreachable"));
    const question = encodeQuestion({ question: { case: "status", value: { includeHash } } });
    const giveUpAtMs = node.giveUpAtMs(Math.min(timeoutMs, STATUS_PATIENCE_MS));
    const { answer } = answerOf(await operations.askNode(asked, question, giveUpAtMs));
    if (answer.case !== "status") throw connectErrorOf(notApplied("node_unreachable"));
    return answer.value;
  }

  async sessions(request: ListSessionsRequest, giveUpAtMs: number): Promise<ListSessionsResponse> {
    const { node, operations } = this.#options;
    const query = sessionPageQueryOf(request, node.cluster.partitionCount);
    if (isFailure(query)) throw connectErrorOf(query);
    const question = encodeQuestion({ question: { case: "listSessions", value: request } });
    const outcome = await operations.askLeader(query.partition, question, giveUpAtMs);
    const { answer } = answerOf(outcome);
    if (answer.case !== "listSessions") throw connectErrorOf(notApplied("node_unreachable"));
    return answer.value;
  }

  async #answer(bytes: Uint8Array): Promise<QuestionOutcome> {
    const question = readQuestion(bytes);
    switch (question?.case) {
      case "status": {
        const value = clusterStatus(this.#options, question.value.includeHash);
        return encodeAnswer({ answer: { case: "status", value } });
      }
      case "listSessions": {
        const { node } = this.#options;
        const query = sessionPageQueryOf(question.value, node.cluster.partitionCount);
        if (isFailure(query)) return UNKNOWN;
        const value = await this.#lists.page(node.partition(query.partition), query);
        if (value === undefined) return { kind: "refused", reason: "no_leader" };
        return encodeAnswer({ answer: { case: "listSessions", value } });
      }
      default:
        return UNKNOWN;
    }
  }
}

const UNKNOWN = { kind: "unknown" } as const;

function encodeQuestion(question: MessageInitShape<typeof ClusterQuestionSchema>): Uint8Array {
  return toBinary(ClusterQuestionSchema, create(ClusterQuestionSchema, question));
}

function encodeAnswer(answer: MessageInitShape<typeof ClusterAnswerSchema>): QuestionOutcome {
  const bytes = toBinary(ClusterAnswerSchema, create(ClusterAnswerSchema, answer));
  return { kind: "answered", answer: bytes };
}

/** Undefined for what another version may have asked. */
function readQuestion(bytes: Uint8Array) {
  try {
    return fromBinary(ClusterQuestionSchema, bytes).question;
  } catch {
    return undefined;
  }
}

/** @throws what the caller is told */
function answerOf(outcome: QuestionOutcome) {
  if (outcome.kind !== "answered") throw connectErrorOf(failureOfQuestion(outcome));
  try {
    return fromBinary(ClusterAnswerSchema, outcome.answer);
  } catch {
    throw connectErrorOf(notApplied("node_unreachable"));
  }
}
