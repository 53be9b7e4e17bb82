// SPDX-License-Identifier: Apache-2.0
/** How often a question is asked again that is refused for the moment. */
import { create } from "@bufbuild/protobuf";
import {
  AttachReplySchema,
  FrameErrorSchema,
  GetRequestSchema,
  Outcome,
  Reason,
} from "@conclave/api";
import { createManualClock, createPrng } from "@conclave/base";
import { expect, test } from "vitest";
import { createBeliefClock } from "./belief.ts";
import { Calls } from "./calls.ts";
import type { Channel } from "./channel.ts";
import type { Runtime } from "./link.ts";

test("a question that is refused through a fail-over is asked again within 100 ms each time", () => {
  const askedMs = timesAsked(400);

  const pauses = askedMs.slice(1).map((ms, i) => ms - (askedMs[i] ?? 0));
  expect(pauses.length).toBeGreaterThanOrEqual(4);
  expect(Math.max(...pauses)).toBeLessThan(100);
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(25);
});

test("one that is refused for long is asked ever more rarely, and never less than once a second", () => {
  const askedMs = timesAsked(60_000);

  const pauses = askedMs.slice(1).map((ms, i) => ms - (askedMs[i] ?? 0));
  expect(askedMs.length).toBeLessThan(60 * 4);
  expect(askedMs.length).toBeGreaterThan(60);
  expect(Math.max(...pauses)).toBeLessThan(1_000);
  expect(Math.max(...pauses)).toBeGreaterThan(500);
});

/** When a question is sent that every node refuses for as long as this. */
function timesAsked(forMs: number): readonly number[] {
  const clock = createManualClock();
  const askedMs: number[] = [];
  const suspendClock = { uptimeMs: () => clock.monotonicMs() };
  const beliefClock = createBeliefClock(clock, suspendClock);
  const channel = {
    poke: () => {
      for (const { correlation } of calls.drain(channel, beliefClock)) {
        askedMs.push(clock.monotonicMs());
        calls.receive(channel, refusal(correlation));
      }
    },
  } as unknown as Channel;
  const runtime = { clock, prng: createPrng(1n) } as unknown as Runtime;
  const calls: Calls = new Calls(runtime, () => channel);
  const command = { case: "get", value: create(GetRequestSchema) } as const;

  calls.ask(1, command, { answered: () => {}, refused: () => {} });
  clock.advance(forMs);

  calls.close();
  return askedMs;
}

function refusal(correlation: bigint): ReturnType<typeof create<typeof AttachReplySchema>> {
  const info = { reason: Reason.NO_LEADER, outcome: Outcome.NOT_APPLIED, retryable: true };
  const value = create(FrameErrorSchema, { info });
  return create(AttachReplySchema, { correlation, reply: { case: "error", value } });
}
