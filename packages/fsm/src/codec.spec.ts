// SPDX-License-Identifier: Apache-2.0
/** Entries as bytes: against the generated messages, against S1's own, and against damage. */
import { create, type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import { file_conclave_log_v1_log } from "@conclave/api/log";
import { LeaderElectionInputSchema, LeaderElectionSnapshotSchema } from "@conclave/api/s1";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Command } from "./command.ts";
import { decodeEntry, LEVEL_MAX } from "./entry-decoder.ts";
import { encodeEntry } from "./entry-encoder.ts";
import { snapshot } from "./snapshot-encoder.ts";
import { call, createDriver, enter, KEY, open } from "./spec/driver.ts";
import { randomRuns } from "./spec/random-runs.ts";
import { createRichPartition, EVERY_COMMAND } from "./spec/rich-partition.ts";
import { createWireReader, nextField, readBigint, readNumber, readText } from "./wire-reader.ts";
import {
  createWireWriter,
  writePresentBigint,
  writePresentNumber,
  writePresentText,
  writtenBytes,
} from "./wire-writer.ts";

function messageOf(name: string): DescMessage {
  const found = file_conclave_log_v1_log.messages.find((message) => message.name === name);
  if (found === undefined) throw new Error(`log.proto has no ${name}`);
  return found;
}

/** The same bytes by way of the generated messages, which refuse nothing but keep what they know. */
function throughGenerated(name: string, bytes: Uint8Array): Uint8Array {
  const schema = messageOf(name);
  const message = fromBinary(schema, bytes, { readUnknownFields: false });
  return toBinary(schema, message);
}

const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Those that leave no trace in a state, and so are not among the others. */
const TRACELESS: readonly Command[] = [
  call(0n, { kind: "evict", key: KEY, candidate: "nobody" }),
  call(77n, { kind: "pass", key: KEY }, { kind: "strict", number: 3, voidThrough: 2 }),
];

describe("each kind of command", () => {
  test.each(
    [...EVERY_COMMAND, ...TRACELESS].map(
      (command, i) => [`${i}: ${command.kind}`, command] as const,
    ),
  )("%s is read back as it was, and the generated messages write the same bytes", (_, command) => {
    const entry = { timeMs: 1_700_000_000_000, commands: [command] };
    const bytes = encodeEntry(entry);

    expect(decodeEntry(bytes)).toEqual({ kind: "entry", entry });
    expect(hex(throughGenerated("Entry", bytes))).toBe(hex(bytes));
  });
});

test("what a snapshot holds is what the generated messages write", () => {
  for (const chunk of snapshot(createRichPartition())) {
    expect(hex(throughGenerated("SnapshotChunk", chunk))).toBe(hex(chunk));
  }
});

test("the payload of a command is S1's LeaderElectionInput and can be read with it alone", () => {
  const bytes = encodeEntry({ timeMs: 1, commands: [enter("a", 1n)] });
  const payload = "0a030a0161";
  const at = hex(bytes).indexOf(payload) / 2;

  const input = fromBinary(LeaderElectionInputSchema, bytes.slice(at, at + payload.length / 2));

  expect(input.input).toMatchObject({ case: "enter", value: { candidate: "a" } });
});

test("an election in a snapshot is S1's LeaderElectionSnapshot, the leader apart", () => {
  const driver = createDriver();
  driver.run(open(7n), enter("a", 7n), enter("b", 7n), enter("c", 7n));
  const written = [...snapshot(driver.state)].map(hex).join("");

  const state = toBinary(
    LeaderElectionSnapshotSchema,
    create(LeaderElectionSnapshotSchema, {
      term: 1n,
      leader: { name: "a", sessionId: 7n },
      candidates: ["b", "c"].map((name) => ({ name, sessionId: 7n })),
    }),
  );

  expect(written).toContain(`12${state.length.toString(16).padStart(2, "0")}${hex(state)}`);
});

test("an entry's bytes do not change silently", () => {
  const entry = {
    timeMs: 1_700_000_000_000,
    commands: [
      {
        kind: "enter" as const,
        key: KEY,
        candidate: "a",
        metadata: new Map([
          ["z", "1"],
          ["b", "2"],
        ]),
        takeover: true,
        id: { sessionId: 0x0102030405060708n, number: 300, acknowledged: 299 },
      },
    ],
  };
  expect(hex(encodeEntry(entry))).toBe(
    "08011080d095ffbc311a3c223a0a0e0801120764656661756c741a0165120f09080706050403020110ac0218ab02" +
      "1a050a030a01612a060a0162120132" +
      "2a060a017a1201313001",
  );
});

describe("what this version does not know stops the replica", () => {
  const entry = encodeEntry({ timeMs: 1, commands: [] });
  const raise = encodeEntry({
    timeMs: 1,
    commands: [{ kind: "raise-level", level: LEVEL_MAX + 1 }],
  });
  test.each([
    ["another version", Uint8Array.of(8, 2, 16, 1), "entry version 2"],
    ["an unknown command", Uint8Array.of(...entry, 0x1a, 2, 0x7a, 0), "command 15"],
    ["an unknown field of an entry", Uint8Array.of(...entry, 0x20, 1), "field 4 of an entry"],
    [
      "an unknown field of a command",
      Uint8Array.of(...entry, 0x1a, 4, 0x12, 2, 0x10, 1),
      "field 2",
    ],
    ["an unknown verb", Uint8Array.of(...entry, 0x1a, 6, 0x22, 4, 0x1a, 2, 0x4a, 0), "input 9"],
    ["a level above what it understands", raise, `level ${LEVEL_MAX + 1}`],
  ])("%s", (_, bytes, what) => {
    expect(decodeEntry(bytes)).toMatchObject({
      kind: "unknown",
      what: expect.stringContaining(what),
    });
  });
});

describe("damage is found and never thrown", () => {
  test.each([
    ["nothing at all", Uint8Array.of()],
    ["an entry without a version", Uint8Array.of(16, 1)],
    ["a length beyond the end", Uint8Array.of(8, 1, 0x1a, 9, 1)],
    ["a command that is none", Uint8Array.of(8, 1, 0x1a, 0)],
    ["a version that is text", Uint8Array.of(10, 1, 1)],
    ["a varint without end", Uint8Array.of(8, 1, 16, 255, 255, 255, 255, 255, 255, 255, 255, 255)],
    // Acknowledges with a packed list of one byte, whose number goes on in the byte behind the list.
    [
      "a list that ends within a number",
      Uint8Array.of(8, 1, 0x1a, 6, 0x52, 4, 0x1a, 1, 0x80, 0x01),
    ],
    [
      "an anoint that is an evict as well",
      Uint8Array.of(
        ...[8, 1, 0x1a, 24, 0x2a, 22, 10, 8, 8, 1, 0x12, 1, 100, 0x1a, 1, 101],
        ...[0x12, 10, 0x1a, 3, 10, 1, 97, 0x2a, 3, 10, 1, 98],
      ),
    ],
  ])("%s", (_, bytes) => {
    expect(decodeEntry(bytes).kind).toBe("damaged");
  });

  test("a list that is far too long is read, and refused when it is applied", () => {
    const open = Array.from({ length: 300_000 }, () => 1);
    const command = { kind: "acknowledge-s1", sessionId: 1n, number: 1, open } as const;
    const decoded = decodeEntry(encodeEntry({ timeMs: 1, commands: [command] }));
    expect(decoded).toMatchObject({
      kind: "entry",
      entry: { commands: [{ open: { length: 300_000 } }] },
    });
  });

  test("any prefix of an entry is refused, and any other bytes do not throw", () => {
    const whole = encodeEntry({ timeMs: 1, commands: EVERY_COMMAND });
    for (let end = 0; end < whole.length; end++) {
      const decoded = decodeEntry(whole.subarray(0, end));
      // A cut between two commands leaves a shorter entry: the log's own framing finds that one.
      if (decoded.kind === "entry") {
        expect(decoded.entry.commands.length).toBeLessThan(EVERY_COMMAND.length);
      }
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(["entry", "unknown", "damaged"]).toContain(decodeEntry(bytes).kind);
      }),
      randomRuns(3_000),
    );
  });
});

test("numbers, integers and text of every length are read back as they were", () => {
  fc.assert(
    fc.property(
      fc.maxSafeNat(),
      fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      fc
        .string({ unit: "binary", maxLength: 2_000 })
        .filter((text) => !/\p{Surrogate}/u.test(text)),
      (number, integer, text) => {
        const writer = createWireWriter(1);
        writePresentNumber(writer, 1, number);
        writePresentBigint(writer, 2, integer);
        writePresentText(writer, 3, text);
        const reader = createWireReader(writtenBytes(writer));
        nextField(reader);
        expect(readNumber(reader)).toBe(number);
        nextField(reader);
        expect(readBigint(reader)).toBe(integer);
        nextField(reader);
        expect(readText(reader)).toBe(text);
        expect(nextField(reader)).toBe(false);
        expect(reader.fault).toBeUndefined();
      },
    ),
    randomRuns(1_000),
  );
});

test.each([
  ["a continuation byte alone", [0x80]],
  ["a longer form than needed", [0xc0, 0x80]],
  ["half a surrogate pair", [0xed, 0xa0, 0x80]],
  ["beyond the last code point", [0xf4, 0x90, 0x80, 0x80]],
  ["a sequence that is cut off", [0xe2, 0x82]],
])("text with %s is damage", (_, bytes) => {
  const reader = createWireReader(Uint8Array.of(0x0a, bytes.length, ...bytes));
  nextField(reader);
  readText(reader);
  expect(reader.fault).toMatchObject({ kind: "damaged" });
});
