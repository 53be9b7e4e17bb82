// SPDX-License-Identifier: Apache-2.0
import type { Command } from "@conclave/fsm";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  type ForwardAnswer,
  type ForwardRequest,
} from "./forward-messages.ts";

const wallMs = fc.integer({ min: 0, max: 2 ** 45 });
const partition = fc.integer({ min: 1, max: 1_024 });
const attachment = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const sessionId = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ kind: fc.constant("close-session" as const), sessionId }),
  fc.record({
    kind: fc.constant("withdraw" as const),
    key: fc.record({
      kind: fc.constantFrom("election" as const, "latch" as const),
      namespace: fc.constant("default"),
      name: fc.string({ minLength: 1 }),
    }),
    candidate: fc.string({ minLength: 1 }),
    id: fc.record({
      sessionId,
      number: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      acknowledged: fc.constant(0),
    }),
  }),
);

const request: fc.Arbitrary<ForwardRequest> = fc.oneof(
  fc.record({
    kind: fc.constant("submissions" as const),
    partition,
    submissions: fc.array(
      fc.record({
        commands: fc.array(command),
        remainingMs: fc.integer({ min: 0, max: 5_000 }),
        mayUseReserve: fc.boolean(),
        attachment: fc.option(attachment, { nil: undefined }),
      }),
    ),
  }),
  fc.record({
    kind: fc.constant("renewals" as const),
    partition,
    renewals: fc.array(
      fc.record({
        sessionId,
        number: uint64,
        attachment: fc.option(attachment, { nil: undefined }),
      }),
    ),
  }),
  fc.record({
    kind: fc.constant("disconnects" as const),
    partition,
    disconnects: fc.array(fc.record({ sessionId, attachment })),
  }),
  fc.record({ kind: fc.constant("confirm" as const), partition }),
  fc.constant({ kind: "clock" as const }),
);

const index = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

const answer: fc.Arbitrary<ForwardAnswer> = fc.oneof(
  fc.constantFrom({ kind: "not-led" }, { kind: "overloaded" }, { kind: "done" } as const),
  fc.record({ kind: fc.constant("confirmed" as const), index, raftTerm: index }),
  fc.record({
    kind: fc.constant("renewals" as const),
    leases: fc.array(
      fc.oneof(
        fc.record({
          kind: fc.constant("confirmed" as const),
          number: uint64,
          officeRevision: uint64,
        }),
        fc.constantFrom({ kind: "ended" }, { kind: "not-registered" }, {
          kind: "unconfirmed",
        } as const),
      ),
    ),
  }),
  fc.record({
    kind: fc.constant("submissions" as const),
    answers: fc.array(
      fc.oneof(
        fc.record({
          isLeased: fc.boolean(),
          outcome: fc.record({
            kind: fc.constant("replied" as const),
            replies: fc.array(
              fc.record({
                kind: fc.constant("session-closed" as const),
                index: uint64,
                already: fc.boolean(),
              }),
            ),
            index,
          }),
        }),
        fc.record({
          isLeased: fc.constant(false),
          outcome: fc.constantFrom(
            { kind: "not-led" },
            { kind: "unknown" },
            { kind: "not-applied", reason: "overloaded" },
            { kind: "not-applied", reason: "no-space" } as const,
          ),
        }),
      ),
    ),
  }),
) as fc.Arbitrary<ForwardAnswer>;

test("every request is read back as it was, with the clock of the node that sent it", () => {
  fc.assert(
    fc.property(wallMs, request, (wallMs, message) => {
      expect(decodeRequest(encodeRequest({ wallMs, message }))).toEqual({ wallMs, message });
    }),
    { numRuns: 500, seed: 1 },
  );
});

test("every answer is read back as it was, with the clock of the node that sent it", () => {
  fc.assert(
    fc.property(wallMs, answer, (wallMs, message) => {
      expect(decodeAnswer(encodeAnswer({ wallMs, message }))).toEqual({ wallMs, message });
    }),
    { numRuns: 500, seed: 1 },
  );
});

test("a leader that stops, or waits for a leader, is no leader to the node that asks", () => {
  const reasons = ["no-leader", "shutting-down"] as const;

  const answers = reasons.map((reason) => {
    const outcome = { kind: "not-applied", reason } as const;
    const message = { kind: "submissions", answers: [{ outcome, isLeased: false }] } as const;
    return decodeAnswer(encodeAnswer({ wallMs: 1, message }))?.message;
  });

  const notLed = { outcome: { kind: "not-led" }, isLeased: false };
  expect(answers).toEqual(reasons.map(() => ({ kind: "submissions", answers: [notLed] })));
});

test("bytes that nobody wrote are undefined, never an exception", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(() => [decodeRequest(bytes), decodeAnswer(bytes)]).not.toThrow();
    }),
    { numRuns: 1_000, seed: 1 },
  );
  expect(decodeRequest(new Uint8Array())).toBeUndefined();
  expect(decodeAnswer(Uint8Array.of(0xff))).toBeUndefined();
});
