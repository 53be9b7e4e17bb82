// SPDX-License-Identifier: Apache-2.0
import type { ClusterStatus } from "@conclave/client/cluster";
import { expect, test } from "vitest";
import { statusTables, statusToJson } from "./cluster.ts";
import { createColors } from "./colors.ts";
import { toJsonText } from "./json.ts";

const member = { isConnected: true, isSelf: false, version: "1.2.0" };
const partition = {
  ...{ leader: 1, raftTerm: 4n, commitIndex: 90n, appliedIndex: 90n, lastIndex: 91n, revision: 7n },
  ...{ voters: [1, 2, 3], outgoing: [], learners: [], peers: [], hasOldConfiguration: false },
};

const STATUS: ClusterStatus = {
  ...{ clusterId: "0123456789abcdef0123", node: 1, version: "1.2.0" },
  members: [
    { ...member, node: 1, incarnation: 0, address: "a:7400", isSelf: true },
    { ...member, node: 2, incarnation: 0xbeef, address: "b:7400" },
    { ...member, node: 3, incarnation: 0, address: "c:7400", isConnected: false, version: "" },
    { ...member, node: 4, incarnation: null, address: "d:7400", isConnected: false, version: "" },
  ],
  partitions: [
    {
      ...partition,
      partition: 1,
      peers: [
        { node: 2, incarnation: 0xbeef, isActive: true, lag: 12n, state: "replicate" },
        { node: 3, incarnation: 0, isActive: false, lag: 80n, state: "probe" },
        { node: 5, incarnation: 0, isActive: true, lag: 0n, state: "replicate" },
      ],
    },
    {
      ...{ ...partition, partition: 2, leader: null, hasOldConfiguration: true },
      ...{ voters: [1, 2, 3, 4], outgoing: [1, 2, 3], learners: [5] },
    },
  ],
};

test("people see who is there, who leads, who is behind and what is changing", () => {
  expect(statusTables(STATUS, createColors(false)).split("\n")).toEqual([
    "cluster 0123456789abcdef  as node 1 knows it",
    "",
    "NODE  ADDRESS  STATE      VERSION  INCARNATION  LEADS",
    "1*    a:7400   connected  1.2.0    0            1",
    "2     b:7400   connected  1.2.0    0000beef     0",
    "3     c:7400   not heard           0            0",
    "4     d:7400   invited             -            0",
    "",
    "PARTITION  LEADER  RAFT TERM  APPLIED  VOTERS                  LAG            MEMBERS",
    "1          1       4          90       1,2,3                   2:12 3:silent",
    "2          none    4          90       1,2,3,4 (was 1,2,3) +5                 changing",
  ]);
});

test("programs get every field, the unknown as null", () => {
  const json = JSON.parse(toJsonText(statusToJson(STATUS))) as Record<string, object[]>;
  expect(json["members"]?.[3]).toEqual({
    ...{ node: 4, incarnation: null, address: "d:7400" },
    ...{ isConnected: false, isSelf: false, version: "" },
  });
  expect(json["partitions"]?.[1]).toEqual({
    ...{
      partition: 2,
      leader: null,
      raftTerm: 4,
      commitIndex: 90,
      appliedIndex: 90,
      lastIndex: 91,
    },
    ...{ revision: 7, voters: [1, 2, 3, 4], outgoing: [1, 2, 3], learners: [5], peers: [] },
    hasOldConfiguration: true,
  });
});
