// SPDX-License-Identifier: Apache-2.0
/** The cluster's picture, from the answers of its nodes. */
import type { ClusterPartition, ClusterStatus } from "@conclave/client/cluster";
import { expect, test } from "vitest";
import { type ClusterPicture, marginText, partitionRows, versionText } from "./picture.ts";
import { addSample, KEPT_MS, type Sample } from "./samples.ts";

function partition(fields: Partial<ClusterPartition> = {}): ClusterPartition {
  return {
    ...{
      partition: 1,
      leader: 1,
      raftTerm: 3n,
      commitIndex: 50n,
      appliedIndex: 50n,
      lastIndex: 50n,
    },
    ...{ revision: 20n, voters: [1, 2, 3], outgoing: [], learners: [], peers: [] },
    hasOldConfiguration: false,
    ...fields,
  };
}

function status(node: number, ...partitions: ClusterPartition[]): ClusterStatus {
  const members = [1, 2, 3].map((member) => ({
    ...{ node: member, incarnation: 0, address: `n${member}:7400`, version: "1.0" },
    ...{ isConnected: true, isSelf: member === node },
  }));
  return { clusterId: "01", node, version: "1.0", members, partitions };
}

function picture(answers: readonly (ClusterStatus | null)[], atMs = 0): ClusterPicture {
  const first = answers.find((answer) => answer !== null) as ClusterStatus;
  const members = first.members.map((member) => ({
    ...member,
    isConnected: answers[member.node - 1] !== null,
  }));
  const base = { ...first, members };
  return { base, atMs, byNode: new Map(answers.map((answer, i) => [i + 1, answer])) };
}

function peer(node: number, lag: bigint): ClusterPartition["peers"][number] {
  return { node, incarnation: 0, isActive: true, lag, state: "replicate" };
}

function roles(of: ClusterPicture): string[] {
  return partitionRows(of).map((row) =>
    row.cells.map((c) => (c.lag === null ? c.role : `${c.role} ${c.lag}`)).join(", "),
  );
}

const LEADING = partition({ peers: [peer(2, 0n), peer(3, 4n)] });

test("each node has a role in each partition, and its lag as the leader tells it", () => {
  const whole = picture([status(1, LEADING), status(2, partition()), status(3, partition())]);
  expect(roles(whole)).toEqual(["leader 0, follower 0, follower 4"]);
});

test("a node that does not answer is unreachable, whatever it was", () => {
  const others = partition({ leader: 2, raftTerm: 4n, peers: [] });
  expect(roles(picture([null, status(2, others), status(3, others)]))).toEqual([
    "unreachable, leader 0, follower",
  ]);
});

test("the leader is who leads in the highest Raft term that anybody has heard of", () => {
  const old = partition({ leader: 1, raftTerm: 3n });
  const now = partition({ leader: 3, raftTerm: 5n });
  expect(partitionRows(picture([status(1, old), status(2, old), status(3, now)]))[0]).toMatchObject(
    {
      leader: 3,
      raftTerm: 5n,
    },
  );
});

test("a node that knows no leader does not hide one that another knows in the same Raft term", () => {
  const none = partition({ leader: null });
  const known = picture([status(1, none), status(2, partition({ leader: 2 })), null]);
  expect(partitionRows(known)[0]?.leader).toBe(2);
});

test("a learner and one that does not belong to a partition are told apart", () => {
  const small = partition({ voters: [1], learners: [2] });
  const one = picture([status(1, small), status(2, small), status(3, small)]);
  expect(roles(one)).toEqual(["leader 0, learner, none"]);
});

test("the margin is said in failures, of the partition that has the least", () => {
  const three = [1, 2, 3].map((node) => status(node, partition()));
  const text = (answers: readonly (ClusterStatus | null)[]): string =>
    marginText(partitionRows(picture(answers))).text;
  expect(text(three)).toBe("2 failures away from losing the quorum: 3 of 3 voters can be reached.");
  expect(text([null, ...three.slice(1)])).toContain("1 failure away from losing the quorum");
  expect(text([null, null, ...three.slice(2)])).toBe(
    "No quorum: 1 of 3 voters can be reached, 2 are needed.",
  );
});

test("while members change, the worse of the old and the new voters counts", () => {
  const joint = partition({ voters: [2, 3], outgoing: [1, 2, 3] });
  const both = [1, 2, 3].map((node) => status(node, joint));
  expect(partitionRows(picture(both))[0]?.margin).toMatchObject({ voters: 2, spare: 0 });
});

test("versions that differ are said with their nodes", () => {
  const same = status(1, partition());
  expect(versionText(picture([same]))).toBe("All nodes run 1.0.");
  const members = same.members.map((m) => (m.node === 3 ? { ...m, version: "1.1" } : m));
  expect(versionText(picture([{ ...same, members }]))).toBe(
    "Versions differ: 1.0 on 1, 2; 1.1 on 3.",
  );
});

test("samples tell changes a second, none where a counter went back, and forget the old", () => {
  const at = (atMs: number, revision: bigint): ClusterPicture =>
    picture([status(1, { ...LEADING, revision })], atMs);
  const rates = [at(0, 10n), at(2_000, 30n), at(4_000, 25n), at(5_000, 26n)]
    .reduce<readonly Sample[]>(addSample, [])
    .map((sample) => sample.changesPerSecond);
  expect(rates).toEqual([null, 10, null, 1]);
  const kept = [at(0, 1n), at(KEPT_MS + 1, 2n)].reduce<readonly Sample[]>(addSample, []);
  expect(kept).toHaveLength(1);
});
