// SPDX-License-Identifier: Apache-2.0
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  FormationState,
  IntroduceResponseSchema,
  JoinRequestSchema,
  JoinResponseSchema,
} from "@conclave/api/peer";
import { describe, expect, test } from "vitest";
import {
  type Introduction,
  introduceResponseOf,
  introductionOf,
  type JoinOutcome,
  joinMessageOf,
  joinOutcomeOf,
  joinRequestOf,
  joinResponseOf,
} from "./introduction.ts";
import { isMalformed } from "./malformed.ts";

const introduction: Introduction = {
  protocolVersion: 1,
  version: "1.2.3",
  clusterId: "00ff10",
  partitionCount: 8,
  node: 2,
  incarnation: 4_000_000_000,
  state: "formed",
  nonce: "abc",
  recorded: { "1": "n1", "2": "n2" },
  hasLeader: true,
  listed: [{ node: 1, address: "127.0.0.1:7401" }],
  members: [{ node: 1, incarnation: 7, address: "127.0.0.1:7401" }],
  membersAsOf: 2 ** 53 - 1,
};

describe("an introduction", () => {
  test.each(["unformed", "formed", "joining"] as const)("arrives as it was given: %s", (state) => {
    const given = { ...introduction, state };
    const sent = toBinary(IntroduceResponseSchema, introduceResponseOf(given));

    expect(introductionOf(fromBinary(IntroduceResponseSchema, sent))).toEqual(given);
  });

  test.each([
    ["state", { state: FormationState.UNSPECIFIED }],
    ["node", { node: 0 }],
    ["node", { node: 65_536 }],
    ["partition_count", { partitionCount: 0 }],
    ["members_as_of", { membersAsOf: 2n ** 53n }],
    ["members[0].node", { members: [{ node: 0, address: "a:1" }] }],
    ["listed[0].address", { listed: [{ node: 1, address: "" }] }],
  ])("with a senseless %s is malformed", (field, change) => {
    const init = { node: 1, partitionCount: 1, state: FormationState.FORMED, ...change };

    const found = introductionOf(create(IntroduceResponseSchema, init));

    expect(isMalformed(found) && found.detail).toContain(field);
  });
});

describe("a request to join", () => {
  test("arrives as it was made", () => {
    const request = {
      ...{ node: 4, incarnation: 9, address: "10.0.0.4:7400" },
      ...{ protocolVersion: 1, clusterId: "0a0b" },
    };
    const sent = toBinary(JoinRequestSchema, joinMessageOf(request));

    expect(joinRequestOf(fromBinary(JoinRequestSchema, sent))).toEqual(request);
  });

  test("that names nobody is malformed", () => {
    expect(isMalformed(joinRequestOf(create(JoinRequestSchema, {})))).toBe(true);
    expect(isMalformed(joinRequestOf(create(JoinRequestSchema, { member: {} })))).toBe(true);
  });

  test.each<JoinOutcome>([
    { kind: "accepted", members: introduction.members, membersAsOf: 12 },
    { kind: "refused", reason: "in-use", detail: "node 4 is connected" },
    { kind: "refused", reason: "not-now", detail: "" },
  ])("is answered with what was decided: %j", (outcome) => {
    const sent = toBinary(JoinResponseSchema, joinResponseOf(outcome));

    expect(joinOutcomeOf(fromBinary(JoinResponseSchema, sent))).toEqual(outcome);
  });

  test("has no answer in one that says nothing", () => {
    expect(isMalformed(joinOutcomeOf(create(JoinResponseSchema, {})))).toBe(true);
    const refused = { case: "refused", value: {} } as const;
    expect(isMalformed(joinOutcomeOf(create(JoinResponseSchema, { outcome: refused })))).toBe(true);
  });
});
