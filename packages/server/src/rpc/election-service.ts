// SPDX-License-Identifier: Apache-2.0
/** ElectionService of conclave.v1: each method one request, its checks, and the answer. */

import type { CommandResult, ElectionService, ElectionView } from "@conclave/api";
import type { AdminCommand, CandidateCommand, Steer } from "@conclave/fsm";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { ElectionNode } from "../replica/election-node.ts";
import { isFailure } from "../wire/bounds.ts";
import {
  deleteOf,
  enterOf,
  steerOf,
  updateMetadataOf,
  withdrawOf,
} from "../wire/command-requests.ts";
import { connectErrorOf, type Failure } from "../wire/failure.ts";
import { electionViewOf } from "../wire/views.ts";
import { type Patience, runCommand } from "./commands.ts";
import { type Answered, checkFence, get, list } from "./reads.ts";
import { watch } from "./watch-stream.ts";

export function electionService(node: ElectionNode): ServiceImpl<typeof ElectionService> {
  const giveUpAtMs = (context: HandlerContext): number => node.giveUpAtMs(context.timeoutMs());
  const patience = (context: HandlerContext): Patience => {
    return { giveUpAtMs: giveUpAtMs(context), signal: context.signal };
  };
  const command = async (
    checked: CandidateCommand | AdminCommand | Failure,
    context: HandlerContext,
  ): Promise<{ readonly result: CommandResult }> => {
    if (isFailure(checked)) throw connectErrorOf(checked);
    const result = await answerOf<CommandResult>((answered) =>
      runCommand(node, checked, patience(context), answered),
    );
    return { result };
  };
  const steer = async (
    checked: Steer | Failure,
    context: HandlerContext,
  ): Promise<{ readonly result: CommandResult; readonly view: ElectionView }> => {
    if (isFailure(checked)) throw connectErrorOf(checked);
    return await answerOf((answered) =>
      runCommand(node, checked, patience(context), (result, home) => {
        if (isFailure(result)) answered(result);
        else answered({ result, view: electionViewOf(home.number, home.view(checked.key)) });
      }),
    );
  };
  return {
    enter: (request, context) => command(enterOf(request), context),
    withdraw: (request, context) => command(withdrawOf(request), context),
    updateMetadata: (request, context) => command(updateMetadataOf(request), context),
    delete: (request, context) => command(deleteOf(request), context),
    anoint: (request, context) => steer(steerOf("anoint", request), context),
    promote: (request, context) => steer(steerOf("promote", request), context),
    demote: (request, context) => steer(steerOf("demote", request), context),
    evict: (request, context) => steer(steerOf("evict", request), context),
    get: (request, context) =>
      answerOf((answered) => get(node, request, giveUpAtMs(context), answered)),
    list: (request, context) =>
      answerOf((answered) => list(node, request, giveUpAtMs(context), answered)),
    checkFence: (request, context) =>
      answerOf((answered) => checkFence(node, request, giveUpAtMs(context), answered)),
    watch: (request, context) => watch(node, request, context.signal),
  };
}

/** The answer of a callback, or what is thrown across the service's door. */
function answerOf<T extends object>(run: (answered: Answered<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    run((answer) => {
      if (isFailure(answer)) reject(connectErrorOf(answer));
      else resolve(answer);
    });
  });
}
