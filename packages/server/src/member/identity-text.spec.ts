// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { firstIdentity, type NodeIdentity } from "./identity.ts";
import { decodeIdentity, encodeIdentity } from "./identity-text.ts";

const members = [
  { node: 1, address: "a:1" },
  { node: 2, address: "b:2" },
];
const flags = { node: 1, members, partitionCount: 4, token: "secret" };
const identity: NodeIdentity = {
  ...firstIdentity(flags, { nonce: "0011" }),
  state: "formed",
  recorded: { 2: "2233" },
  known: [{ node: 2, address: "b:2", incarnation: 9 }],
};

const WRITTEN = `{
  "format": 2,
  "node": 1,
  "incarnation": 0,
  "clusterId": "f8fcc57a14610d152d4b832307f747c6b588f792e2511414082fd404f9dbd2a3",
  "partitionCount": 4,
  "members": [
    {
      "node": 1,
      "address": "a:1"
    },
    {
      "node": 2,
      "address": "b:2"
    }
  ],
  "nonce": "0011",
  "state": "formed",
  "recorded": {
    "2": "2233"
  },
  "known": [
    {
      "node": 2,
      "address": "b:2",
      "incarnation": 9
    }
  ],
  "knownAsOf": 0,
  "isLogStale": false,
  "checksum": "914390a3b65b5773b9753a27299e2a1bec6331fb4d220c64e244dbdfb0574082"
}
`;

test("any byte that changes is noticed", () => {
  const text = encodeIdentity(identity);
  expect(decodeIdentity(text)).toEqual({ kind: "found", identity });
  for (let at = 0; at < text.trimEnd().length; at++) {
    const changed = text.slice(0, at) + (text[at] === "1" ? "2" : "1") + text.slice(at + 1);
    const { kind } = decodeIdentity(changed);
    // White space between the fields says nothing.
    if (text[at]!.trim() !== "") expect([at, kind]).not.toEqual([at, "found"]);
  }
});

test("a file that is cut short anywhere is damage", () => {
  const text = encodeIdentity(identity).trimEnd();
  for (let length = 0; length < text.length; length++) {
    expect(decodeIdentity(text.slice(0, length)).kind).toBe("damaged");
  }
});

test("the secret of the cluster is not in the file", () => {
  expect(encodeIdentity(identity)).not.toContain("secret");
});

test("the text is what it was: every directory there is can be read", () => {
  expect(encodeIdentity(identity)).toBe(WRITTEN);
});

test.each([
  [
    "a note from before there were clusters",
    `{"node":1,"partitionCount":8,"clusterId":"aa"}`,
    "older",
  ],
  ["a file of a later version", `{"format":3,"what":"ever"}`, "newer"],
  ["a list", "[]", "damaged"],
  ["null", "null", "damaged"],
])("%s is named as such", (_name, text, kind) => {
  expect(decodeIdentity(text).kind).toBe(kind);
});
