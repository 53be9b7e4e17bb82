// SPDX-License-Identifier: Apache-2.0
// What no unmodified client of S2, S3 or S4 sends, at real server processes, and more clients than
// there will ever be: what they are about stays as it was.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type BadRequest, CONTROL, NOISE, outcomeOf, TOO_LONG } from "./bad-request.ts";
import type { DialectClient } from "./dialect-client.ts";
import { GrpcChannel } from "./grpc-channel.ts";
import { enterNatively, type NativeView, nativeView, openNativeSession } from "./native-calls.ts";
import { s4Dialect } from "./s4-client.ts";
import { shareCluster } from "./shared-cluster.ts";

const KEPT = "kept";

const cluster = shareCluster({ dialects: { graceMs: 5_000 } });

interface Ground {
  readonly s2: GrpcChannel;
  readonly s3: GrpcChannel;
  readonly s4: GrpcChannel;
}

let ground: Ground;
let participants: readonly DialectClient[] = [];
let before: readonly (NativeView | undefined)[];

/** The election and the latch that all these requests are about. */
function kept(endpoint: string): Promise<readonly (NativeView | undefined)[]> {
  return Promise.all([nativeView(endpoint, KEPT), nativeView(endpoint, KEPT, "LATCH")]);
}

beforeAll(async () => {
  const [first, second, third] = cluster().endpoints as readonly [string, string, string];
  await enterNatively(first, await openNativeSession(first), KEPT, "a");
  const open = (endpoint: string, candidate: string): Promise<DialectClient> =>
    s4Dialect.open({ endpoint, primitive: KEPT, candidate });
  participants = [await open(second, "p"), await open(third, "q")];
  for (const participant of participants) await participant.enter();
  ground = {
    s2: new GrpcChannel(second, "s2"),
    s3: new GrpcChannel(second, "s3"),
    s4: new GrpcChannel(second, "s4"),
  };
  before = await kept(third);
  expect(before.map((view) => view?.list)).toEqual([["a"], ["p", "q"]]);
});

afterEach(async () => {
  expect(await kept(cluster().endpoints[2]!)).toEqual(before);
});

afterAll(async () => {
  for (const participant of participants) await participant.quit();
  for (const channel of Object.values(ground)) channel.close();
});

const S2 = "atomix.election.v1.LeaderElection";
const S3 = "atomix.runtime.election.v1.LeaderElection";
const LATCH = "atomix.primitive.leader.LeaderLatchService";
const PRIMITIVE = "atomix.primitive.PrimitiveService";

const OF_S2: readonly BadRequest<Ground>[] = [
  { what: "no primitive", is: "INVALID_ARGUMENT", ask: ({ s2 }) => s2.once(`${S2}/GetTerm`, {}) },
  s2("an empty primitive", { "primitive-id": "" }),
  s2("a primitive that is too long", { "primitive-id": "x".repeat(257) }),
  s2("an application that is too long", { "application-id": "x".repeat(257) }),
  s2("no candidate", {}, ""),
  s2("a candidate that is too long", {}, TOO_LONG),
  s2("a candidate with a control character", {}, CONTROL),
  { what: "no message", is: "INTERNAL", ask: ({ s2 }) => s2.raw(`${S2}/Evict`, NOISE) },
];

const OF_S3: readonly BadRequest<Ground>[] = [
  s3("no id", { id: null }),
  s3("an empty name", { id: { name: "" } }),
  s3("a name that is too long", { id: { name: TOO_LONG } }),
  s3("a name with a control character", { id: { name: CONTROL } }),
  s3("no candidate", { candidate: "" }),
  s3("a candidate that is too long", { candidate: TOO_LONG }),
  s3("a session that is no number", {}, "INVALID_ARGUMENT", "mine"),
  s3("a session beyond all numbers", {}, "INVALID_ARGUMENT", "18446744073709551616"),
  s3("an unknown session", {}, "PERMISSION_DENIED", "1234567890"),
  { what: "no message", is: "INTERNAL", ask: ({ s3 }) => s3.raw(`${S3}/Evict`, NOISE) },
];

const HEADER = { client_id: "r", primitive_id: { type: "LeaderLatch", name: KEPT } };

const OF_S4: readonly BadRequest<Ground>[] = [
  s4("no header", `${LATCH}/Latch`, { header: null }),
  s4("no primitive", `${LATCH}/Latch`, { header: { client_id: "r" } }),
  s4("an empty name", `${LATCH}/Latch`, { header: { ...HEADER, primitive_id: { name: "" } } }),
  s4("a client that is too long", `${LATCH}/Latch`, { header: { ...HEADER, client_id: TOO_LONG } }),
  s4("a primitive that is not there", `${PRIMITIVE}/Delete`, {
    ...{ header: { ...HEADER, primitive_id: { type: "LeaderLatch", name: "no such" } } },
    is: "NOT_FOUND",
  }),
  restore("a leader that is not the first", { leader: "q", participants: ["p", "q"] }),
  restore("a leader that does not take part", { leader: "z", participants: ["p", "q"] }),
  restore("a leader of nobody", { leader: "p", participants: [] }),
  restore("participants without a leader", { leader: "", participants: ["q", "p"] }),
  restore("a name twice", { leader: "p", participants: ["p", "q", "p"] }),
  restore("an empty name", { leader: "p", participants: ["p", ""] }),
  restore("a name with a control character", { leader: "p", participants: ["p", CONTROL] }),
  restore("a name that is too long", { leader: TOO_LONG, participants: [TOO_LONG] }),
  restore("a revision out of this world", {
    ...{ leader: "p", participants: ["p"] },
    meta: { revision: { num: "18446744073709551615" } },
  }),
  restore("a revision just too high", {
    ...{ leader: "p", participants: ["p"] },
    meta: { revision: { num: `${2n ** 32n + 2n}` } },
  }),
  { what: "no message", is: "INTERNAL", ask: ({ s4 }) => s4.raw(`${LATCH}/Restore`, NOISE) },
];

describe.each([
  { name: "S2", requests: OF_S2 },
  { name: "S3", requests: OF_S3 },
  { name: "S4", requests: OF_S4 },
])("a request of $name is refused, and changes nothing, that has", ({ requests }) => {
  test.each(requests)("$what: $is", async ({ ask, is }) => {
    expect(await outcomeOf(ask(ground))).toBe(is);
  });
});

test("a number of S4 that comes again with other content is refused", async () => {
  const header = { ...HEADER, client_id: "p", request_id: 7 };
  const latch = { header, input: {} };
  expect(await outcomeOf(ground.s4.once(`${LATCH}/Latch`, latch))).toBe("served");

  expect(await outcomeOf(ground.s4.once(`${PRIMITIVE}/Close`, { header }))).toBe(
    "INVALID_ARGUMENT",
  );
  expect(await outcomeOf(ground.s4.once(`${LATCH}/Latch`, latch))).toBe("served");
});

test("streams that are opened twice, and dropped, disturb nobody", async () => {
  const request = { id: { name: KEPT } };
  const streams = Array.from({ length: 20 }, () => ground.s3.stream(`${S3}/Watch`, request));
  const first = await Promise.all(streams.map((stream) => stream.message()));

  for (const stream of streams) stream.cancel();

  expect(first).toHaveLength(20);
  expect(await outcomeOf(ground.s3.once(`${S3}/GetTerm`, request))).toBe("served");
});

/** At a time, from all sides; each has business of its own, under a session of its own. */
const AT_ONCE = 25;
const CROWD_MS = 120_000;

test(
  "a thousand connections that come and go leave nothing behind",
  async () => {
    const { endpoints } = cluster();
    const visit = async (i: number): Promise<void> => {
      const channel = new GrpcChannel(endpoints[i % endpoints.length]!, "s3");
      const id = { name: `passing ${i % 10}` };
      await channel.call(`${S3}/Enter`, { id, candidate: `visitor ${i}` });
      channel.close();
    };
    for (let done = 0; done < 1_000; done += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => visit(done + i)));
    }
    const standing = async (): Promise<number> => {
      const names = Array.from({ length: 10 }, (_, i) => `passing ${i}`);
      const views = await Promise.all(names.map((name) => nativeView(endpoints[0]!, name)));
      return views.reduce((sum, view) => sum + (view?.list.length ?? 0), 0);
    };

    // Their candidacies go with their sessions, a grace after each connection.
    await expect.poll(standing, { timeout: CROWD_MS }).toBe(0);
  },
  CROWD_MS,
);

function s2(what: string, headers: Record<string, string>, candidate_id = "a"): BadRequest<Ground> {
  const sent = { "application-id": "default", "primitive-id": KEPT, ...headers };
  const ask = ({ s2: channel }: Ground) => channel.once(`${S2}/Evict`, { candidate_id }, sent);
  return { what, is: "INVALID_ARGUMENT", ask };
}

function s3(
  what: string,
  wrong: object,
  is = "INVALID_ARGUMENT",
  session?: string,
): BadRequest<Ground> {
  const request = { id: { name: KEPT }, candidate: "b", ...wrong };
  const headers: Record<string, string> = session === undefined ? {} : { "session-id": session };
  return { what, is, ask: ({ s3: channel }) => channel.once(`${S3}/Enter`, request, headers) };
}

function s4(
  what: string,
  method: string,
  { is = "INVALID_ARGUMENT", ...request }: { readonly is?: string; readonly header: object | null },
): BadRequest<Ground> {
  return { what, is, ask: ({ s4: channel }) => channel.once(method, request) };
}

function restore(what: string, latch: object): BadRequest<Ground> {
  const request = { header: HEADER, snapshot: { latch } };
  const ask = ({ s4: channel }: Ground) => channel.once(`${LATCH}/Restore`, request);
  return { what: `a latch to restore with ${what}`, is: "INVALID_ARGUMENT", ask };
}
