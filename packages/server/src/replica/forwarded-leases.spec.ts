// SPDX-License-Identifier: Apache-2.0
/** Sessions that live through a node that does not lead: the letters are those of the schedules. */
import { expect, test } from "vitest";
import { createMemoryCluster, type MemoryCluster } from "./memory-cluster.ts";
import { settled } from "./memory-node.ts";
import { isOpen, open, renew, S, TTL_MS } from "./memory-session.ts";
import type { LeaseOutcome } from "./renewals.ts";

const KEY = { kind: "election", namespace: "default", name: "e" } as const;

function submit(cluster: MemoryCluster, at: number, kind: "enter" | "evict", number = 1): void {
  const { node } = cluster.at(at);
  const id = { sessionId: S, number, acknowledged: 0 };
  const entering = { key: KEY, candidate: "a", metadata: new Map(), takeover: false, id };
  const command =
    kind === "enter"
      ? ({ kind, ...entering } as const)
      : ({ kind, key: KEY, candidate: "a", options: { reason: "" } } as const);
  const options = { giveUpAtMs: node.giveUpAtMs(), mayUseReserve: false };
  node.partition(1).submit({ commands: [command], ...options, settle: () => {} });
}

test("a session that is opened through another node is leased, and ends at its TTL", async () => {
  const cluster = await createMemoryCluster();

  const isLeased = await open(cluster.at(2));
  await cluster.advance(TTL_MS - 25);
  expect([isLeased, isOpen(cluster.at(1))]).toEqual([true, true]);
  await cluster.advance(75);

  expect(isOpen(cluster.at(1))).toBe(false);
});

test("a renewal through another node keeps a session for a whole TTL from its arrival", async () => {
  const cluster = await createMemoryCluster();
  await open(cluster.at(2));
  await cluster.advance(9_000);

  const renewal = renew(cluster.at(2), 1n);
  await settled();
  await cluster.advance(TTL_MS - 25);

  expect(renewal.lease).toEqual({ kind: "confirmed", number: 1n, officeRevision: 0n });
  expect(isOpen(cluster.at(1))).toBe(true);
});

test("all renewals of one turn at a node go in one call and share one round of the leader", async () => {
  const cluster = await createMemoryCluster();
  await open(cluster.at(2));
  cluster.peers.calls.length = 0;
  const before = cluster.group(1).confirmCount;

  const renewals = Array.from({ length: 100 }, (_, i) => renew(cluster.at(2), BigInt(i + 1)));
  await settled();

  expect(renewals.map(({ lease }) => lease?.kind)).toEqual(renewals.map(() => "confirmed"));
  expect(cluster.peers.calls).toEqual(["2>1"]);
  expect(cluster.group(1).confirmCount).toBe(before + 1);
});

test("a renewal is sent on once at most: what did not get through is not confirmed", async () => {
  const cluster = await createMemoryCluster();
  await open(cluster.at(2));
  cluster.peers.calls.length = 0;
  cluster.peers.fault(2, 1, "cut");

  const renewal = renew(cluster.at(2), 1n);
  await cluster.advance(1_000);

  expect(renewal.lease).toEqual({ kind: "unconfirmed" });
  expect(cluster.peers.calls).toEqual(["2>1"]);
});

test("schedule A: through one node, what one partition confirms moves nothing on another", async () => {
  const cluster = await createMemoryCluster(2);
  await open(cluster.at(2), { partition: 1 });
  await open(cluster.at(2), { partition: 2 });
  cluster.group(2).loseLeader();

  const [first, second] = [renew(cluster.at(2), 1n), renew(cluster.at(2), 1n, { partition: 2 })];
  await settled();

  expect(first.lease?.kind).toBe("confirmed");
  expect(second.lease).toEqual({ kind: "unconfirmed" });
});

test("schedule B: no renewal of another node is acknowledged while an expiry stands unapplied", async () => {
  const cluster = await createMemoryCluster();
  await open(cluster.at(2));
  cluster.group(1).stall();
  await cluster.advance(TTL_MS + 50);

  const renewal = renew(cluster.at(2), 1n);
  await settled();
  expect(renewal.lease).toEqual({ kind: "unconfirmed" });
  cluster.group(1).resume();
  await settled();

  expect(isOpen(cluster.at(2))).toBe(false);
});

test("schedule B: renewals of two nodes are each answered with the highest that came in time", async () => {
  const cluster = await createMemoryCluster();
  await open(cluster.at(2));

  const [r1, r2] = [renew(cluster.at(2), 1n), renew(cluster.at(3), 2n)];
  await settled();

  expect(r1.lease).toMatchObject({ kind: "confirmed", number: 2n });
  expect(r2.lease).toMatchObject({ kind: "confirmed", number: 2n });
});

test("schedule D: a renewal's answer does not overtake the loss of office that it tells of", async () => {
  const cluster = await createMemoryCluster();
  await open(cluster.at(2));
  submit(cluster, 2, "enter");
  await settled();
  cluster.group(1).lag(2);
  submit(cluster, 1, "evict");
  await settled();

  const renewal = renew(cluster.at(2), 1n);
  await cluster.advance(100);
  expect(renewal.lease).toBeUndefined();
  cluster.group(1).catchUp(2);

  expect(renewal.lease).toEqual({ kind: "confirmed", number: 1n, officeRevision: 2n });
});

test("schedule D: a replica that lags for long holds no lease back, and tells what it has not seen", async () => {
  const cluster = await createMemoryCluster();
  await open(cluster.at(2));
  submit(cluster, 2, "enter");
  await settled();
  cluster.group(1).lag(2);
  submit(cluster, 1, "evict");
  await settled();

  const renewal = renew(cluster.at(2), 1n);
  await cluster.advance(300);

  expect(renewal.lease).toEqual({ kind: "confirmed", number: 1n, officeRevision: 2n });
  expect(cluster.at(2).node.partition(1).revision).toBe(1n);
});

test("schedule E: the end of a connection to any node starts the grace", async () => {
  const cluster = await createMemoryCluster();
  const attachment = cluster.at(2).node.nextAttachmentId();
  await open(cluster.at(2), { graceMs: 500, attachment });

  cluster.at(2).node.partition(1).disconnect(S, attachment);
  await cluster.advance(450);
  expect(isOpen(cluster.at(1))).toBe(true);
  await cluster.advance(150);

  expect(isOpen(cluster.at(1))).toBe(false);
});

test("schedule E: the end of an attachment at one node is nothing to a session that moved to another", async () => {
  const cluster = await createMemoryCluster();
  const [first, second] = [2, 3].map((node) => cluster.at(node).node.nextAttachmentId());
  await open(cluster.at(2), { graceMs: 500, attachment: first! });
  renew(cluster.at(3), 1n, { attachment: second! });
  await settled();

  cluster.at(2).node.partition(1).disconnect(S, first!);
  await cluster.advance(5_000);

  expect(isOpen(cluster.at(1))).toBe(true);
});

test("schedule E: a new leader knows of no attachment, so a report that reaches it ends nothing", async () => {
  const cluster = await createMemoryCluster();
  const attachment = cluster.at(2).node.nextAttachmentId();
  await open(cluster.at(2), { graceMs: 500, attachment });

  cluster.group(1).lead(3);
  cluster.at(2).node.partition(1).disconnect(S, attachment);
  await cluster.advance(5_000);

  expect(isOpen(cluster.at(1))).toBe(true);
});

test("the end of one session's connection keeps no other session waiting that renewed with it", async () => {
  const cluster = await createMemoryCluster();
  const attachment = cluster.at(2).node.nextAttachmentId();
  await open(cluster.at(2), { attachment });
  const other = { sessionId: S + 1n, number: 1n, attachment: undefined };
  let told: LeaseOutcome | undefined;
  cluster.group(1).stallConfirms();
  renew(cluster.at(2), 1n, { attachment });
  cluster
    .at(2)
    .node.partition(1)
    .renew({
      ...other,
      settle: (lease) => {
        told = lease;
      },
    });
  await settled();

  cluster.at(1).node.partition(1).leadership.disconnect(S, attachment);
  cluster.group(1).resumeConfirms();
  await settled();

  expect(told).toEqual({ kind: "not-registered" });
});

test("the end of a connection forgets the renewals that have not been sent on yet", async () => {
  const cluster = await createMemoryCluster();
  const attachment = cluster.at(2).node.nextAttachmentId();
  await open(cluster.at(2), { graceMs: 500, attachment });
  await cluster.advance(1_000);

  renew(cluster.at(2), 1n, { attachment });
  cluster.at(2).node.partition(1).disconnect(S, attachment);
  await cluster.advance(600);

  expect(isOpen(cluster.at(1))).toBe(false);
});

test("schedule J: who leads next gives everybody a full TTL, and the last leader ends nobody", async () => {
  const cluster = await createMemoryCluster();
  await open(cluster.at(2));
  await cluster.advance(TTL_MS - 100);

  cluster.group(1).lead(3);
  await cluster.advance(TTL_MS - 100);
  expect(isOpen(cluster.at(3))).toBe(true);
  await cluster.advance(200);

  expect(isOpen(cluster.at(3))).toBe(false);
});

test("schedule J: a leader that was replaced and does not know it confirms nobody and ends nobody", async () => {
  const cluster = await createMemoryCluster();
  await open(cluster.at(2));
  cluster.group(1).usurp(3);
  await settled();

  const atOld = renew(cluster.at(1), 1n);
  await cluster.advance(TTL_MS - 100);
  const atNew = renew(cluster.at(2), 2n);
  await cluster.advance(1_000);
  expect(atNew.lease).toMatchObject({ kind: "confirmed", number: 2n });
  expect(atOld.lease).toEqual({ kind: "unconfirmed" });
  cluster.group(1).rejoin(1, 3);
  await cluster.advance(TTL_MS - 1_200);

  expect([1, 2, 3].map((node) => isOpen(cluster.at(node)))).toEqual([true, true, true]);
});

test("attachments of different nodes have different numbers", async () => {
  const cluster = await createMemoryCluster();

  const ids = [1, 2, 3].flatMap((node) => [
    cluster.at(node).node.nextAttachmentId(),
    cluster.at(node).node.nextAttachmentId(),
  ]);

  expect(new Set(ids).size).toBe(6);
  expect(ids.every(Number.isSafeInteger)).toBe(true);
});
