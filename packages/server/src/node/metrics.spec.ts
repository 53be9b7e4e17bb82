// SPDX-License-Identifier: Apache-2.0
import { apply, type Command, createPartition, type PartitionState, viewOf } from "@conclave/fsm";
import { expect, test } from "vitest";
import { createMetrics, type Measured } from "./metrics.ts";

const key = (name: string, namespace = "default") =>
  ({ kind: "election", namespace, name }) as const;
const metadata: ReadonlyMap<string, string> = new Map();
const SESSION = 1_234_567_890_123_456_789n;

let number = 0;
const enter = (name: string, candidate: string, namespace = "default"): Command => ({
  kind: "enter",
  key: key(name, namespace),
  candidate,
  metadata,
  takeover: false,
  id: { sessionId: SESSION, number: ++number, acknowledged: number - 1 },
});
const withdraw = (name: string, candidate: string): Command => ({
  kind: "withdraw",
  key: key(name),
  candidate,
  id: { sessionId: SESSION, number: ++number, acknowledged: number - 1 },
});

function partitionWith(...commands: Command[]): PartitionState {
  const state = createPartition();
  const opening = { ttlMs: 10_000, graceMs: 0, labels: metadata };
  const open: Command = { kind: "open-session", sessionId: SESSION, ...opening };
  apply(state, { timeMs: 1_000_000, commands: [open, ...commands] });
  return state;
}

function metricsOf(state: PartitionState, measured: Partial<Measured> = {}, nowMs = 1_000_000) {
  const partition = { state, view: (of: ReturnType<typeof key>) => viewOf(state, of)! };
  const none: Measured = {
    partitions: () => [partition],
    logs: () => [],
    watchLag: () => 0,
    peers: () => [],
  };
  return createMetrics({ ...none, ...measured }, () => nowMs);
}

/** The samples of a page by name and labels. */
async function samples(metrics: { page(): Promise<string> }): Promise<Map<string, number>> {
  const lines = (await metrics.page()).split("\n").filter((line) => line !== "" && line[0] !== "#");
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(" ");
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

test("an election shows who leads, its term, who waits, and how long it has been vacant", async () => {
  const state = partitionWith(enter("led", "a"), enter("led", "b"), enter("left", "c"));
  apply(state, { timeMs: 1_005_000, commands: [withdraw("left", "c")] });
  const seen = await samples(metricsOf(state, {}, 1_012_000));
  const led = `namespace="default",election="led"`;
  const left = `namespace="default",election="left"`;
  expect(seen.get(`election_leader{${led},candidate="a"}`)).toBe(1);
  expect(seen.get(`election_term{${led}}`)).toBe(1);
  expect(seen.get(`election_standbys{${led}}`)).toBe(1);
  expect(seen.get(`election_vacant_seconds{${led}}`)).toBe(0);
  expect(seen.get(`election_leader{${left},candidate=""}`)).toBe(0);
  expect(seen.get(`election_vacant_seconds{${left}}`)).toBe(7);
  expect(seen.get(`elections{state="vacant"}`)).toBe(1);
  expect(seen.get(`elections{state="led"}`)).toBe(1);
});

test("an election that is gone, or another's leader now, leaves no series behind", async () => {
  const state = partitionWith(enter("e", "a"), enter("e", "b"));
  const metrics = metricsOf(state);
  await metrics.page();
  apply(state, { timeMs: 1_000_001, commands: [withdraw("e", "a")] });
  const leaders = [...(await samples(metrics)).keys()].filter((name) =>
    name.startsWith("election_leader"),
  );
  expect(leaders).toEqual([`election_leader{namespace="default",election="e",candidate="b"}`]);
});

test("names are told apart by their namespace, and cannot break the page", async () => {
  const name = `a"b\\c`;
  const seen = await samples(metricsOf(partitionWith(enter(name, "x"), enter(name, "x", "other"))));
  const terms = [...seen.keys()].filter((series) => series.startsWith("election_term"));
  expect(terms).toEqual([
    `election_term{namespace="default",election="a\\"b\\\\c"}`,
    `election_term{namespace="other",election="a\\"b\\\\c"}`,
  ]);
});

test("of many elections a thousand are shown, the vacant ones among them, and the rest is counted", async () => {
  const names = Array.from({ length: 1_100 }, (_, i) => `n${i}`);
  const state = partitionWith(...names.map((name) => enter(name, "a")), withdraw("n999", "a"));
  const seen = await samples(metricsOf(state));
  const shown = [...seen.keys()].filter((series) => series.startsWith("election_term"));
  expect(shown).toHaveLength(1_000);
  expect(seen.get("election_series_omitted")).toBe(100);
  expect(seen.get(`election_leader{namespace="default",election="n999",candidate=""}`)).toBe(0);
});

test("a session's id is nowhere on the page", async () => {
  const page = await metricsOf(partitionWith(enter("e", "a"))).page();
  expect(page).not.toContain(String(SESSION));
});

test("office taken and left is counted by its cause, a queue that moves is not", async () => {
  const state = partitionWith();
  const metrics = metricsOf(state);
  const run = (...commands: Command[]): void => {
    for (const change of apply(state, { timeMs: 1_000_002, commands }).changes) {
      metrics.node.changed(change);
    }
  };
  run(enter("e", "a"), enter("e", "b"), enter("e", "c"), withdraw("e", "c"));
  run(withdraw("e", "a"), withdraw("e", "b"));
  const seen = await samples(metrics);
  expect(seen.get(`election_transitions_total{cause="entered"}`)).toBe(1);
  expect(seen.get(`election_transitions_total{cause="resigned"}`)).toBe(2);
  expect(seen.has(`election_transitions_total{cause="withdrawn"}`)).toBe(false);
});

test("what the node tells is counted in seconds and by outcome", async () => {
  const metrics = metricsOf(partitionWith());
  metrics.host.synced({ records: 3, bytes: 100, durationMs: 2 });
  metrics.node.roundEnded(4, true);
  metrics.node.roundEnded(9, false);
  metrics.node.renewed(20);
  metrics.node.submitted("replied");
  metrics.node.submitted("unknown");
  metrics.node.submitted("unknown");
  metrics.node.logTimeClamped();
  metrics.beat(0);
  metrics.beat(300);
  const seen = await samples(metrics);
  expect(seen.get("log_sync_seconds_sum")).toBe(0.002);
  expect(seen.get("renewal_round_seconds_count")).toBe(1);
  expect(seen.get("renewal_rounds_failed_total")).toBe(1);
  expect(seen.get("session_renew_seconds_sum")).toBe(0.02);
  expect(seen.get(`proposals_total{outcome="unknown"}`)).toBe(2);
  expect(seen.get("log_time_clamped_total")).toBe(1);
  expect(seen.get(`event_loop_lag_seconds_bucket{le="0.25"}`)).toBe(1);
  expect(seen.get("event_loop_lag_seconds_count")).toBe(2);
});

test("the members and the groups of this node are shown as they are at the scrape", async () => {
  const status = { raftTerm: 7, commitIndex: 20, appliedIndex: 19 };
  const role = { kind: "follower", raftTerm: 7, leader: undefined } as const;
  const seen = await samples(
    metricsOf(partitionWith(), {
      watchLag: () => 12,
      peers: () => [
        { node: 2, isConnected: true },
        { node: 3, isConnected: false },
      ],
      logs: () => [
        { partition: 1, status: () => ({ ...status, role: { kind: "leader", raftTerm: 7 } }) },
        { partition: 2, status: () => ({ ...status, role }) },
      ],
    }),
  );
  expect(seen.get("watch_lag_revisions")).toBe(12);
  expect(seen.get(`peer_connected{node="2"}`)).toBe(1);
  expect(seen.get(`peer_connected{node="3"}`)).toBe(0);
  expect(seen.get(`raft_leader{partition="1"}`)).toBe(1);
  expect(seen.get(`raft_leader{partition="2"}`)).toBe(0);
  expect(seen.get(`raft_leader_known{partition="2"}`)).toBe(0);
  expect(seen.get(`raft_term{partition="1"}`)).toBe(7);
  expect(seen.get(`raft_commit_index{partition="1"}`)).toBe(20);
  expect(seen.get(`raft_applied_index{partition="1"}`)).toBe(19);
});
