// SPDX-License-Identifier: Apache-2.0
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { file_conclave_log_v1_log } from "@conclave/api/log";
import { expect, test } from "vitest";
import type { Reply } from "./reply.ts";
import { decodeReplies, encodeReplies } from "./reply-codec.ts";

const done = { kind: "done", revision: 7n, term: 3n, leading: true, changed: true } as const;

const EVERY_REPLY: readonly Reply[] = [
  { ...done, replayed: false },
  { ...done, replayed: true },
  {
    kind: "dialect-done",
    index: 9n,
    revision: 8n,
    changed: false,
    replayed: true,
    primitiveId: 4n,
    term: { term: 2n, sinceMs: 5, candidates: ["a", "b"] },
  },
  {
    kind: "dialect-done",
    index: 9n,
    revision: 8n,
    changed: true,
    replayed: false,
    primitiveId: 0n,
    term: { term: 2n, changedMs: 7, candidates: [] },
    verb: "demote",
  },
  { kind: "refused", reason: "invalid_field", field: "candidate", bound: "1 to 256 bytes" },
  { kind: "refused", reason: "revision_mismatch", revision: 12n },
  { kind: "session-opened", sessionId: 2n ** 64n - 1n, index: 3n, already: true },
  { kind: "session-closed", index: 0n, already: false },
  { kind: "sessions-expired", ended: 10_000 },
  { kind: "acknowledged", index: 2n ** 63n },
  { kind: "level-raised", level: 2 },
  { kind: "members-changed", already: true },
  { kind: "members-refused", reason: "address_taken" },
];

test.each(EVERY_REPLY.map((reply, i) => [`${i}: ${reply.kind}`, reply] as const))(
  "%s is read back as it was",
  (_, reply) => {
    expect(decodeReplies(encodeReplies([reply]))).toEqual({ kind: "replies", replies: [reply] });
  },
);

test("replies keep their order, and the generated messages write the same bytes", () => {
  const bytes = encodeReplies(EVERY_REPLY);
  const schema = file_conclave_log_v1_log.messages.find(({ name }) => name === "Replies");

  const message = fromBinary(schema!, bytes, { readUnknownFields: false });

  expect(decodeReplies(bytes)).toEqual({ kind: "replies", replies: EVERY_REPLY });
  expect(toBinary(schema!, message)).toEqual(bytes);
});

test("a reply of a newer version is told apart from damage", () => {
  const unknown = Uint8Array.of(0x0a, 0x02, 0x5a, 0x00);
  const cutShort = encodeReplies(EVERY_REPLY).subarray(0, -1);

  expect(decodeReplies(unknown).kind).toBe("unknown");
  expect(decodeReplies(cutShort).kind).toBe("damaged");
  expect(decodeReplies(Uint8Array.of(0x0a, 0x00)).kind).toBe("damaged");
});
