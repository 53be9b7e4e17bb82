// SPDX-License-Identifier: Apache-2.0
/** Steers elections: verbs with and without a revision to compare with, some of them asked twice. */

import type { ElectionAdmin, View } from "@conclave/client";
import type { Result } from "../history/operation.ts";
import { pick } from "../pick.ts";
import type { Order, Steering } from "./order.ts";
import { seenIn } from "./recorder.ts";
import { pause, rest, type Stage } from "./stage.ts";

type Verb = Steering["kind"];

const VERBS: readonly Verb[] = ["anoint", "anoint", "promote", "demote", "evict"];
/** On a desk that several operators share; the oldest goes first. */
const ORDERS_MAX = 8;
/** An operator does not wait for ever. */
const PATIENCE_MS = 2_000;

/** Until its process ends. */
export async function operate(stage: Stage): Promise<never> {
  const { prng } = stage;
  for (let number = 1; ; number++) {
    await rest(stage);
    await rest(stage);
    if (stage.isCalm()) continue;
    if (stage.desk !== undefined && stage.desk.length > 0 && prng.chance(1, 2)) {
      const { election, verb } = pick(prng, stage.desk);
      await perform(stage, election, verb);
      continue;
    }
    const election = pick(prng, stage.elections);
    if (prng.chance(1, 40)) await remove(stage, election);
    else await steer(stage, election, number);
  }
}

async function steer(stage: Stage, election: string, number: number): Promise<void> {
  const { prng } = stage;
  const view = await look(stage, election);
  if (view === undefined) return;
  const { candidates, revision } = seenIn(view);
  const candidate =
    prng.chance(1, 20) || candidates.length === 0 ? "nobody" : pick(prng, candidates);
  const kind = pick(prng, VERBS);
  const ifRevision = prng.chance(1, 2) ? revision : undefined;
  const requestId = prng.chance(stage.desk === undefined ? 1 : 2, 3)
    ? `${stage.name}-${number}`
    : undefined;
  const verb = { kind, candidate, ifRevision, requestId } as const;
  await perform(stage, election, verb);
  if (requestId !== undefined) handOver(stage, { election, verb });
  // Whoever had no answer may ask again; under one request id it is carried out once.
  if (requestId !== undefined && prng.chance(1, 2)) await perform(stage, election, verb);
}

/** It stays there, answered or not, so that it is asked for again late and more than once. */
function handOver({ desk, prng }: Stage, order: Order): void {
  if (desk === undefined || !prng.chance(2, 3)) return;
  desk.push(order);
  if (desk.length > ORDERS_MAX) desk.shift();
}

async function perform(stage: Stage, election: string, call: Steering): Promise<void> {
  const { candidate, ifRevision, requestId } = call;
  const handle: ElectionAdmin = stage.client.election(election).admin;
  const options = {
    ...(ifRevision === undefined ? {} : { revision: ifRevision }),
    ...(requestId === undefined ? {} : { requestId }),
    signal: patience(stage),
  };
  await stage.recorder.record(
    { client: stage.name, election, call },
    () => handle[call.kind](candidate, options),
    viewed,
  );
}

async function remove(stage: Stage, election: string): Promise<void> {
  await stage.recorder.record(
    { client: stage.name, election, call: { kind: "delete", ifRevision: undefined } },
    () => stage.client.election(election).admin.delete({ signal: patience(stage) }),
    () => ({ kind: "done" }),
  );
}

async function look(stage: Stage, election: string): Promise<View | undefined> {
  const { value } = await stage.recorder.record(
    { client: stage.name, election, call: { kind: "get", read: "linearizable" } },
    () => stage.client.election(election).get({ signal: patience(stage) }),
    viewed,
  );
  return value;
}

export function viewed(view: View): Result {
  return { kind: "view", view: seenIn(view) };
}

/** Aborted when the caller has waited for long enough. */
export function patience(stage: Stage): AbortSignal {
  const controller = new AbortController();
  void pause(stage, PATIENCE_MS).then(() => controller.abort());
  return controller.signal;
}
