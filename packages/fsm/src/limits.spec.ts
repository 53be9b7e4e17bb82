// SPDX-License-Identifier: Apache-2.0
/** Every limit is a refusal with a name, and what it refuses changes nothing. */
import { describe, expect, test } from "vitest";
import type { Command, Enter } from "./command.ts";
import {
  call,
  createDriver,
  enter,
  expire,
  KEY,
  key,
  NO_METADATA,
  open,
  show,
  showReply,
  steer,
  withdraw,
} from "./spec/driver.ts";

const bytes = (count: number): string => "x".repeat(count);
const metadata = (count: number): ReadonlyMap<string, string> => new Map([["k", bytes(count - 1)]]);
const opening = (other: object): Command => ({
  kind: "open-session",
  sessionId: 5n,
  ttlMs: 10_000,
  graceMs: 0,
  labels: NO_METADATA,
  ...other,
});
const numbered = (number: number, acknowledged: number): Command => ({
  ...(enter("a", 1n) as Enter),
  id: { sessionId: 1n, number, acknowledged },
});
const strict = (number: number, voidThrough = 0): Command =>
  call(1n, { kind: "create", key: KEY }, { kind: "strict", number, voidThrough });

/** What breaks a bound, and the field that the refusal names. */
const BROKEN: Readonly<Record<string, readonly [Command, string]>> = {
  "an empty name": [enter("a", 1n, { key: key("") }), "key.name"],
  "a name of 257 bytes": [enter("a", 1n, { key: key(bytes(257)) }), "key.name"],
  "a name of 257 bytes in 129 characters": [
    enter("a", 1n, { key: key(`${"é".repeat(128)}x`) }),
    "key.name",
  ],
  "a control character in a name": [enter("a", 1n, { key: key("a\nb") }), "key.name"],
  "NUL in a name": [enter("a", 1n, { key: key("a\0b") }), "key.name"],
  "DEL in a name": [enter("a", 1n, { key: key("a\x7f") }), "key.name"],
  "a C1 control in a name": [enter("a", 1n, { key: key("a\u0085") }), "key.name"],
  "half a surrogate pair in a name": [enter("a", 1n, { key: key("a\ud800") }), "key.name"],
  "a pair the wrong way round": [enter("a", 1n, { key: key("\udc00\ud800") }), "key.name"],
  "an empty namespace": [enter("a", 1n, { key: { ...KEY, namespace: "" } }), "key.namespace"],
  "a long namespace": [enter("a", 1n, { key: { ...KEY, namespace: bytes(257) } }), "key.namespace"],
  "an empty candidate": [enter("", 1n), "candidate"],
  "a long candidate": [withdraw(bytes(257), 1n), "candidate"],
  "a control character in a candidate": [steer("anoint", "\t"), "candidate"],
  "4,097 bytes of metadata": [enter("a", 1n, { metadata: metadata(4_097) }), "metadata"],
  "half a pair in metadata": [enter("a", 1n, { metadata: new Map([["\udfff", ""]]) }), "metadata"],
  "number 0": [numbered(0, 0), "id.number"],
  "a number beyond doubles": [numbered(2 ** 53, 0), "id.number"],
  "an acknowledgement of itself": [numbered(3, 3), "id.acknowledged"],
  "a negative acknowledgement": [numbered(3, -1), "id.acknowledged"],
  "a reason of 257 bytes": [steer("anoint", "a", { reason: bytes(257) }), "options.reason"],
  "a request id of 129 bytes": [
    steer("anoint", "a", { requestId: bytes(129) }),
    "options.requestId",
  ],
  "an empty request id": [steer("anoint", "a", { requestId: "" }), "options.requestId"],
  "session id 0": [opening({ sessionId: 0n }), "sessionId"],
  "a session id of 65 bits": [opening({ sessionId: 1n << 64n }), "sessionId"],
  "a TTL of 499 ms": [opening({ ttlMs: 499 }), "ttlMs"],
  "a TTL beyond a day": [opening({ ttlMs: 86_400_001 }), "ttlMs"],
  "a TTL of half a millisecond more": [opening({ ttlMs: 500.5 }), "ttlMs"],
  "a grace above the TTL": [opening({ graceMs: 10_001 }), "graceMs"],
  "17 labels": [
    opening({ labels: new Map(Array.from({ length: 17 }, (_, i) => [`${i}`, ""])) }),
    "labels",
  ],
  "a long label": [opening({ labels: new Map([["k", bytes(257)]]) }), "labels"],
  "an S0 number 0 in order": [strict(0), "order.number"],
  "a void beyond the number that waited": [strict(3, 3), "order.voidThrough"],
  "an event stream without a number": [call(1n, { kind: "events", key: KEY }), "order"],
  "a candidate of a dialect with a control character": [
    call(1n, { kind: "enter", key: KEY, candidate: "\0" }),
    "operation.candidate",
  ],
  "a session id of 0 in a call": [call(0n, { kind: "close", key: KEY }), "sessionId"],
  "a principal that is not text": [opening({ principal: "\ud800" }), "principal"],
  "a condition beyond 64 bits": [
    steer("anoint", "a", { ifRevision: 1n << 64n }),
    "options.ifRevision",
  ],
  "a restored term below 0": [
    call(1n, { kind: "restore", key: KEY, term: -1n, participants: [] }),
    "operation.term",
  ],
  "a restored leader that is no name": [
    call(1n, { kind: "restore", key: KEY, term: 1n, leader: "\ud800", participants: [] }),
    "operation.leader",
  ],
  "an acknowledged number below 0": [
    { kind: "acknowledge-s1", sessionId: 1n, number: 3, open: [-1] },
    "open",
  ],
  "a stream's position that is no count": [
    {
      kind: "acknowledge-s0",
      sessionId: 1n,
      number: 3,
      streams: [{ streamId: 1, responseId: 0.5 }],
    },
    "streams.responseId",
  ],
  "closing session 0": [{ kind: "close-session", sessionId: 0n }, "sessionId"],
  "node 0": [{ kind: "remove-member", node: 0 }, "node"],
  "node 65,536": [{ kind: "put-member", node: 65_536, incarnation: 0, address: "a:1" }, "node"],
  "an incarnation of 33 bits": [
    { kind: "put-member", node: 1, incarnation: 2 ** 32, address: "a:1" },
    "incarnation",
  ],
  "an empty address": [{ kind: "invite-member", node: 1, address: "" }, "address"],
  "an address of 257 bytes": [{ kind: "invite-member", node: 1, address: bytes(257) }, "address"],
  "a first list of nobody": [{ kind: "set-first-members", members: [] }, "members"],
  "a first list that names a node twice": [
    {
      kind: "set-first-members",
      members: ["a:1", "b:1"].map((address) => ({ node: 1, incarnation: 0, address })),
    },
    "members",
  ],
  "level 0": [{ kind: "raise-level", level: 0 }, "level"],
};

describe("a field out of its bounds is refused by name and changes nothing", () => {
  test.each(Object.entries(BROKEN))("%s", (_, [command, field]) => {
    const driver = createDriver();
    driver.run(open(1n));

    const { replies, changes } = driver.run(command);

    expect(replies[0]).toMatchObject({ kind: "refused", reason: "invalid_field", field });
    expect(changes).toEqual([]);
    expect(driver.state.elections.size).toBe(0);
  });
});

describe("a field at its bound is taken", () => {
  const names = [bytes(256), "é".repeat(128), "𝕏".repeat(64), "a b", "ñ\u00a0", "."];
  test.each(names)("the name %j", (name) => {
    const driver = createDriver();
    driver.run(open(1n));
    expect(showReply(driver.ask(enter(name, 1n, { key: key(name) })))).toBe("done");
  });

  test("4,096 bytes of metadata, a reason of 256 and a request id of 128", () => {
    const driver = createDriver();
    driver.run(open(1n), opening({ ttlMs: 500, graceMs: 500 }));
    expect(showReply(driver.ask(enter("a", 1n, { metadata: metadata(4_096) })))).toBe("done");
    const options = { reason: bytes(256), requestId: bytes(128) };
    expect(showReply(driver.ask(steer("evict", "a", options)))).toBe("done");
  });
});

test("the 1,025th candidate of an election is refused", () => {
  const driver = createDriver();
  driver.run(open(1n));
  const commands = Array.from({ length: 1_025 }, (_, i) => enter(`c${i}`, 1n));

  const { replies } = driver.run(...commands);

  expect(showReply(replies[1_023]!)).toBe("done");
  expect(showReply(replies[1_024]!)).toBe("too_many_candidates");
  // Re-entering and leaving work in a full election, for the first as for the last.
  expect(showReply(driver.ask(enter("c1023", 1n)))).toBe("done unchanged");
  expect(showReply(driver.ask(withdraw("c1023", 1n)))).toBe("done");
  expect(showReply(driver.ask(withdraw("c0", 1n)))).toBe("done");
  expect(show(driver.state)).toContain("2 c1 [c1 c2");
});

test("256 KiB of metadata in one election are enough, and leaving gives back what one had", () => {
  const driver = createDriver();
  driver.run(open(1n));
  for (let i = 0; i < 64; i++) {
    expect(showReply(driver.ask(enter(`c${i}`, 1n, { metadata: metadata(4_096) })))).toBe("done");
  }
  expect(showReply(driver.ask(enter("d", 1n, { metadata: metadata(2) })))).toBe("metadata_full");
  expect(showReply(driver.ask(enter("d", 1n)))).toBe("done");
  driver.run(withdraw("c3", 1n));
  expect(showReply(driver.ask(enter("d", 1n, { metadata: metadata(4_096) })))).toBe("done");
});

test("metadata that replaces other has the room of what it replaces", () => {
  const driver = createDriver({ metadataBytesPerElectionMax: 4 });
  const of = (value: string): Map<string, string> => new Map([["k", value]]);
  driver.run(open(1n), enter("a", 1n, { metadata: of("one") }));

  expect(showReply(driver.ask(enter("a", 1n, { metadata: of("two") })))).toBe("done");
  expect(showReply(driver.ask(enter("a", 1n, { metadata: of("four") })))).toBe("metadata_full");
  expect(showReply(driver.ask(enter("b", 1n, { metadata: of("") })))).toBe("metadata_full");
});

test("elections of a partition are bounded", () => {
  const driver = createDriver({ electionsMax: 2 });
  driver.run(open(1n), enter("a", 1n, { key: key("x") }), enter("a", 1n, { key: key("y") }));
  expect(showReply(driver.ask(enter("a", 1n, { key: key("z") })))).toBe("too_many_elections");
  expect(showReply(driver.ask(enter("b", 1n, { key: key("x") })))).toBe("done");
});

test("sessions of a partition are bounded, and an end makes room", () => {
  const driver = createDriver({ sessionsMax: 2 });
  driver.run(open(1n), open(2n));
  expect(showReply(driver.ask(open(3n)))).toBe("too_many_sessions");
  expect(showReply(driver.ask(open(2n)))).toBe("session-opened");
  driver.run(expire(1n));
  expect(showReply(driver.ask(open(3n)))).toBe("session-opened");
});

test("event streams of a session are bounded", () => {
  const driver = createDriver({ streamsPerSessionMax: 1 });
  driver.run({ kind: "open-indexed-session", dialect: "s0", ttlMs: 30_000 });
  const ask = (kind: "create" | "events", number: number): string =>
    showReply(driver.ask(call(1n, { kind, key: KEY }, { kind: "strict", number })));
  ask("create", 1);
  expect(ask("events", 2)).toBe("done unchanged");
  expect(ask("events", 3)).toBe("too_many_streams");
});

test("a level is raised and never falls", () => {
  const driver = createDriver();
  driver.run({ kind: "raise-level", level: 3 });
  expect(driver.ask({ kind: "raise-level", level: 2 })).toEqual({ kind: "level-raised", level: 3 });
});
