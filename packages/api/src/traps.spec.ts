// SPDX-License-Identifier: Apache-2.0
/**
 * The places where the five dialects differ from what one would guess, each as bytes.
 *
 * The bytes are written by hand, from the field numbers of the originals; nothing here may be
 * computed by the code that it tests.
 */

import {
  create,
  type DescMessage,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { describe, expect, it } from "vitest";
import * as s0 from "./s0.ts";
import * as s1 from "./s1.ts";
import * as s2 from "./s2.ts";
import * as s3 from "./s3.ts";
import * as s4 from "./s4.ts";

describe("trap 1: the candidate of S1's Promote and Demote is field 2, every other one field 1", () => {
  it.each([
    ["PromoteInput", s1.PromoteInputSchema, "12 01 61"],
    ["DemoteInput", s1.DemoteInputSchema, "12 01 61"],
    ["EnterInput", s1.EnterInputSchema, "0a 01 61"],
    ["WithdrawInput", s1.WithdrawInputSchema, "0a 01 61"],
    ["AnointInput", s1.AnointInputSchema, "0a 01 61"],
    ["EvictInput", s1.EvictInputSchema, "0a 01 61"],
  ] as const)("%s{candidate: a}", (_, schema, bytes) => {
    expect(written(schema, create(schema, { candidate: "a" }))).toBe(bytes);
  });

  it("a promotion written with field 1 names nobody", () => {
    expect(read(s1.PromoteInputSchema, "0a 01 61").candidate).toBe("");
  });
});

describe("trap 2: in S1's oneof, demote came late and is 8", () => {
  const value = { candidate: "a" };

  it.each([
    [{ case: "enter", value }, "0a 03 0a 01 61"],
    [{ case: "promote", value }, "22 03 12 01 61"],
    [{ case: "evict", value }, "2a 03 0a 01 61"],
    [{ case: "getTerm", value: {} }, "32 00"],
    [{ case: "watch", value: {} }, "3a 00"],
    [{ case: "demote", value }, "42 03 12 01 61"],
  ] as const)("LeaderElectionInput %o", (input, bytes) => {
    const schema = s1.LeaderElectionInputSchema;

    expect(written(schema, create(schema, { input }))).toBe(bytes);
    expect(read(schema, bytes).input.case).toBe(input.case);
  });

  it("outputs have the same numbers", () => {
    const schema = s1.LeaderElectionOutputSchema;

    expect(read(schema, "42 00").output.case).toBe("demote");
    expect(read(schema, "3a 00").output.case).toBe("watch");
  });
});

describe("trap 3: Term is laid out differently in each dialect", () => {
  it("S0: id 1, timestamp 2, leader 3, candidates 4", () => {
    const timestamp = { seconds: 1n };
    const term = create(s0.TermSchema, { id: 7n, timestamp, leader: "a", candidates: ["a", "b"] });

    expect(written(s0.TermSchema, term)).toBe("08 07 12 02 08 01 1a 01 61 22 01 61 22 01 62");
  });

  it("S1: leader 1, candidates 2, index 3", () => {
    const term = create(s1.TermSchema, { leader: "a", candidates: ["b"], index: 7n });

    expect(written(s1.TermSchema, term)).toBe("0a 01 61 12 01 62 18 07");
  });

  it("S2: leader_id 1, candidates 2, timestamp 3, and no number", () => {
    const time = { case: "physicalTimestamp", value: { time: { seconds: 1n } } } as const;
    const term = create(s2.TermSchema, {
      leaderId: "a",
      candidates: ["a", "b"],
      timestamp: { timestamp: time },
    });

    expect(written(s2.TermSchema, term)).toBe("0a 01 61 12 01 61 12 01 62 1a 06 0a 04 0a 02 08 01");
  });

  it("S3: term 1, leader 2, candidates 3", () => {
    const term = create(s3.TermSchema, { term: 7n, leader: "a", candidates: ["b"] });

    expect(written(s3.TermSchema, term)).toBe("08 07 12 01 61 1a 01 62");
  });
});

describe("trap 4: S4's outputs have no field 1", () => {
  const latch = { leader: "a" };

  it.each([
    ["LatchOutput", s4.LatchOutputSchema],
    ["GetOutput", s4.GetOutputSchema],
  ] as const)("%s.latch is 2", (_, schema) => {
    expect(written(schema, create(schema, { latch }))).toBe("12 03 12 01 61");
  });

  it("EventsOutput is type 2, latch 3", () => {
    const output = create(s4.EventsOutputSchema, { type: s4.EventsOutput_Type.CHANGE, latch });

    expect(written(s4.EventsOutputSchema, output)).toBe("10 01 1a 03 12 01 61");
  });
});

describe("trap 5: S0 says in the header what a stream's message is", () => {
  it("RequestHeader.name is 1 and partition is 6", () => {
    const name = { name: "e", namespace: "n" };
    const header = create(s0.RequestHeaderSchema, { name, partition: 3 });

    expect(written(s0.RequestHeaderSchema, header)).toBe("0a 06 0a 01 65 12 01 6e 30 03");
  });

  it("the opening of a stream is header.type OPEN_STREAM with response_id 1, and no term", () => {
    const header = { responseId: 1n, type: s0.ResponseType.OPEN_STREAM };
    const opening = create(s0.EventResponseSchema, { header });

    expect(written(s0.EventResponseSchema, opening)).toBe("0a 04 18 01 38 01");
  });

  it("CHANGED, the only event, is 0 and so is not written", () => {
    const type = s0.EventResponse_Type.CHANGED;
    const event = create(s0.EventResponseSchema, { type, term: { id: 1n } });

    expect(written(s0.EventResponseSchema, event)).toBe("1a 02 08 01");
  });
});

describe("trap 6: S2 and S4 put NONE before their change, and clients drop it", () => {
  it("S2: a change is 1, and an empty event reads as NONE", () => {
    const type = s2.Event_Type.CHANGED;
    const change = create(s2.EventsResponseSchema, { event: { type } });

    expect(written(s2.EventsResponseSchema, change)).toBe("0a 02 08 01");
    expect(read(s2.EventSchema, "").type).toBe(s2.Event_Type.NONE);
  });

  it("S4: a change is 1, and an empty output reads as NONE", () => {
    const type = s4.EventsOutput_Type.CHANGE;

    expect(written(s4.EventsOutputSchema, create(s4.EventsOutputSchema, { type }))).toBe("10 01");
    expect(read(s4.EventsOutputSchema, "").type).toBe(s4.EventsOutput_Type.NONE);
  });
});

describe("trap 7: S1 has two statuses that differ", () => {
  const inBand = s1.OperationResponseHeaders_Status;
  const failure = s1.Failure_Status;

  it.each([
    [failure.UNKNOWN, ""],
    [failure.ERROR, "08 01"],
    [failure.CANCELED, "08 02"],
    [failure.FAULT, "08 0c"],
    [failure.INTERNAL, "08 0d"],
  ])("Failure{status: %i}", (status, bytes) => {
    expect(written(s1.FailureSchema, create(s1.FailureSchema, { status }))).toBe(bytes);
  });

  it.each([
    [inBand.OK, ""],
    [inBand.ERROR, "10 01"],
    [inBand.UNKNOWN, "10 02"],
    [inBand.INTERNAL, "10 0d"],
    [inBand.FAULT, "10 0e"],
  ])("OperationResponseHeaders{status: %i}", (status, bytes) => {
    const schema = s1.OperationResponseHeadersSchema;

    expect(written(schema, create(schema, { status }))).toBe(bytes);
  });
});

describe("trap 8: S3 declares Create and Close on both of its services", () => {
  it.each(["create", "close"] as const)("%s has the same messages on both", (method) => {
    const current = s3.LeaderElections.method[method];
    const old = s3.LeaderElection.method[method];

    expect(old.input).toBe(current.input);
    expect(old.output).toBe(current.output);
  });

  it("only those on LeaderElection are deprecated", () => {
    const services = [s3.LeaderElections, s3.LeaderElection];
    const deprecated = services
      .flatMap((service) => service.methods.filter((method) => method.deprecated))
      .map((method) => `${method.parent.typeName}/${method.name}`);

    expect(deprecated).toEqual([
      "atomix.runtime.election.v1.LeaderElection/Create",
      "atomix.runtime.election.v1.LeaderElection/Close",
    ]);
  });
});

describe("trap 9: numbers of 64 bits are bigints", () => {
  it.each([
    [2n ** 63n, "08 80 80 80 80 80 80 80 80 80 01"],
    [2n ** 64n - 1n, "08 ff ff ff ff ff ff ff ff ff 01"],
    [2n ** 53n + 1n, "08 81 80 80 80 80 80 80 10"],
  ])("%d survives the wire", (sessionId, bytes) => {
    const schema = s1.OpenSessionOutputSchema;

    expect(written(schema, create(schema, { sessionId }))).toBe(bytes);
    expect(read(schema, bytes).sessionId).toBe(sessionId);
  });

  it("no field of any dialect hands out a 64-bit number as a string", () => {
    const files = [s0, s1, s2, s3, s4]
      .flatMap((door) => Object.values(door))
      .flatMap((value) => (typeof value === "object" && "file" in value ? [value.file] : []));
    const asString = files
      .flatMap((file) => [...nestedTypes(file)])
      .flatMap((desc) => (desc.kind === "message" ? desc.fields : []))
      .filter((field) => "longAsString" in field && field.longAsString);

    expect(asString.map(String)).toEqual([]);
  });

  it("the number in S1's filter stays in the text that the client sent", () => {
    const text = '{"m":1,"k":9223372036854775808,"b":"AAAAAAAAAAA="}';
    const schema = s1.KeepAliveInputSchema;
    const sent = create(schema, { inputFilter: new TextEncoder().encode(text) });

    const received = fromBinary(schema, toBinary(schema, sent));

    expect(new TextDecoder().decode(received.inputFilter)).toBe(text);
  });
});

function written<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): string {
  return Array.from(toBinary(schema, message), (byte) => byte.toString(16).padStart(2, "0")).join(
    " ",
  );
}

function read<Desc extends DescMessage>(schema: Desc, hex: string): MessageShape<Desc> {
  const bytes = hex === "" ? [] : hex.split(" ").map((byte) => Number.parseInt(byte, 16));
  return fromBinary(schema, Uint8Array.from(bytes));
}
