// SPDX-License-Identifier: Apache-2.0
/** Operators' questions: asked of the first node that answers, and answered in our own words. */
import { create } from "@bufbuild/protobuf";
import { ErrorInfoSchema, Outcome, Reason } from "@conclave/api";
import { ClusterService, PeerState } from "@conclave/api/cluster";
import { Code, ConnectError, createRouterTransport, type Transport } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { createClusterAdmin, type SessionInfo } from "./cluster-admin.ts";

type Service = Parameters<Parameters<typeof createRouterTransport>[0]>[0];

function nodeWith(implementation: object): Transport {
  return createRouterTransport((router: Service) => {
    router.service(ClusterService, { status: () => ({ node: 1 }), ...implementation });
  });
}

const SILENT = nodeWith({
  status() {
    throw new ConnectError("connection refused", Code.Unavailable);
  },
});

function adminOf(...transports: Transport[]) {
  return createClusterAdmin({ transports, timeoutMs: 1_000, close: () => {} });
}

test("a status is told in plain values, with null for what is not known", async () => {
  const admin = adminOf(
    nodeWith({
      status: () => ({
        clusterId: Uint8Array.of(1, 171),
        ...{ node: 2, version: "1.0" },
        members: [
          { node: 2, incarnation: 0, address: "a:1", isConnected: true, isSelf: true },
          { node: 4, address: "b:1" },
        ],
        partitions: [
          {
            ...{ partition: 1, raftTerm: 5n, lastIndex: 9n, voters: [2], learners: [4] },
            peers: [{ node: 4, incarnation: 7, lag: 3n, state: PeerState.SNAPSHOT }],
          },
        ],
      }),
    }),
  );

  expect(await admin.status()).toMatchObject({
    ...{ clusterId: "01ab", node: 2, version: "1.0" },
    members: [
      { node: 2, incarnation: 0, isConnected: true, isSelf: true },
      { node: 4, incarnation: null, isConnected: false, isSelf: false },
    ],
    partitions: [
      {
        ...{ partition: 1, leader: null, raftTerm: 5n, lastIndex: 9n, voters: [2], learners: [4] },
        peers: [{ node: 4, incarnation: 7, isActive: false, lag: 3n, state: "snapshot" }],
      },
    ],
  });
});

test("a node that does not answer is passed over, and a change is asked for once", async () => {
  let asked = 0;
  const addMember = () => ({ already: ++asked > 1 });
  const admin = adminOf(SILENT, nodeWith({ addMember }), nodeWith({ addMember }));
  expect(await admin.addMember(4, "a:1")).toEqual({ already: false });
  expect(asked).toBe(1);
});

test("a node that is cut off is passed over where it is sure that it did nothing", async () => {
  let asked = 0;
  const cutOff = (outcome: Outcome) => ({
    removeMember() {
      const info = create(ErrorInfoSchema, { reason: Reason.NO_LEADER, outcome });
      throw new ConnectError("no", Code.Unavailable, undefined, [
        { desc: ErrorInfoSchema, value: info },
      ]);
    },
  });
  const removeMember = () => {
    asked++;
    return {};
  };
  await adminOf(nodeWith(cutOff(Outcome.NOT_APPLIED)), nodeWith({ removeMember })).removeMember(2);
  expect(asked).toBe(1);

  const unsure = adminOf(nodeWith(cutOff(Outcome.UNKNOWN)), nodeWith({ removeMember }));
  await expect(unsure.removeMember(2)).rejects.toMatchObject({ outcome: "unknown" });
  expect(asked).toBe(1);
});

test("with nobody there the error says that no quorum was reached", async () => {
  await expect(adminOf(SILENT, SILENT).status()).rejects.toMatchObject({
    name: "ElectionError",
    code: "NO_QUORUM",
  });
});

test.each([
  [Code.NotFound, Reason.NO_SUCH_MEMBER, "NOT_FOUND"],
  [Code.FailedPrecondition, Reason.WOULD_LOSE_QUORUM, "CONFLICT"],
  [Code.FailedPrecondition, Reason.CHANGE_UNDER_WAY, "CONFLICT"],
  [Code.InvalidArgument, Reason.INVALID_FIELD, "INVALID"],
  [Code.Unavailable, Reason.NO_LEADER, "NO_QUORUM"],
])("code %i with reason %i is %s", async (code, reason, expected) => {
  const removeMember = () => {
    const info = create(ErrorInfoSchema, { reason, outcome: Outcome.NOT_APPLIED });
    throw new ConnectError("no", code, undefined, [{ desc: ErrorInfoSchema, value: info }]);
  };
  await expect(adminOf(nodeWith({ removeMember })).removeMember(2)).rejects.toMatchObject({
    ...{ code: expected, outcome: "not-applied" },
    message: expect.stringContaining("no"),
  });
});

test("an error without details is told by its code", async () => {
  const removeMember = () => {
    throw new ConnectError("who are you?", Code.Unauthenticated);
  };
  await expect(adminOf(nodeWith({ removeMember })).removeMember(2)).rejects.toMatchObject({
    code: "DENIED",
  });
});

test("a backup that breaks off throws where it breaks off", async () => {
  const saveSnapshot = async function* () {
    yield { chunk: Uint8Array.of(1) };
    throw new ConnectError("gone", Code.Unavailable);
  };
  const chunks: Uint8Array[] = [];
  const read = async () => {
    for await (const chunk of adminOf(nodeWith({ saveSnapshot })).saveSnapshot()) {
      chunks.push(chunk);
    }
  };
  await expect(read()).rejects.toMatchObject({ code: "NO_QUORUM" });
  expect(chunks).toEqual([Uint8Array.of(1)]);
});

test("the token goes with every question", async () => {
  const seen: (string | null)[] = [];
  const note = (_: unknown, context: { requestHeader: Headers }) => {
    seen.push(context.requestHeader.get("authorization"));
    return {};
  };
  const transports = [nodeWith({ status: note, removeMember: note })];
  const token = () => Promise.resolve("t");
  const admin = createClusterAdmin({ transports, timeoutMs: 1_000, token, close: () => {} });
  await admin.removeMember(2);
  expect(seen).toEqual(["Bearer t", "Bearer t"]);
});

test("what a node knows is asked of it through the first that answers, and its own is not asked twice", async () => {
  const asked: number[] = [];
  const status = ({ node }: { readonly node: number }) => {
    asked.push(node);
    return { node: node === 0 ? 1 : node };
  };
  const admin = adminOf(SILENT, nodeWith({ status }));

  expect(await admin.status({ node: 3 })).toMatchObject({ node: 3 });
  expect(asked).toEqual([0, 3]);
  expect(await admin.status({ node: 1 })).toMatchObject({ node: 1 });
  expect(asked).toEqual([0, 3, 0]);
});

test("sessions are read page by page, each when it is wanted", async () => {
  const asked: object[] = [];
  const pages = new Map([
    ["", { sessions: [sessionMessage("a"), sessionMessage("b")], nextPageToken: "b" }],
    ["b", { sessions: [{ instance: "c" }], nextPageToken: "" }],
  ]);
  const listSessions = ({ $typeName: _, ...request }: Readonly<Record<string, unknown>>) => {
    asked.push(request);
    return pages.get(String(request["pageToken"]));
  };
  const admin = adminOf(nodeWith({ listSessions }));
  const seen: SessionInfo[] = [];

  for await (const session of admin.sessions(2, { instance: "x" })) {
    seen.push(session);
    if (seen.length === 2) expect(asked).toHaveLength(1);
  }

  const labels = { host: "h" };
  expect(seen).toEqual([
    { instance: "a", ttlMs: 10_500, graceMs: 1_000, labels, remainingMs: 250 },
    { instance: "b", ttlMs: 10_500, graceMs: 1_000, labels, remainingMs: 250 },
    { instance: "c", ttlMs: 0, graceMs: 0, labels: {}, remainingMs: 0 },
  ]);
  const request = { partition: 2, instance: "x", pageSize: 1_000 };
  expect(asked).toEqual([
    { ...request, pageToken: "" },
    { ...request, pageToken: "b" },
  ]);
});

function sessionMessage(instance: string) {
  return {
    instance,
    ttl: { seconds: 10n, nanos: 500_000_000 },
    disconnectGrace: { seconds: 1n },
    labels: { host: "h" },
    remaining: { nanos: 250_000_000 },
  };
}

test("namespaces come all at once, however many pages they fill", async () => {
  const listNamespaces = ({ pageToken }: { readonly pageToken: string }) =>
    pageToken === ""
      ? { namespaces: [{ namespace: "a", elections: 2n }], nextPageToken: "a" }
      : { namespaces: [{ namespace: "b", elections: 1n }], nextPageToken: "" };
  expect(await adminOf(nodeWith({ listNamespaces })).namespaces()).toEqual([
    { namespace: "a", elections: 2 },
    { namespace: "b", elections: 1 },
  ]);
});

test("sessions of a partition that nobody leads are told to be out of reach", async () => {
  const listSessions = () => {
    const info = create(ErrorInfoSchema, {
      reason: Reason.NO_LEADER,
      outcome: Outcome.NOT_APPLIED,
    });
    throw new ConnectError("no", Code.Unavailable, undefined, [
      { desc: ErrorInfoSchema, value: info },
    ]);
  };
  const read = async () => {
    for await (const _ of adminOf(nodeWith({ listSessions })).sessions(1)) void _;
  };
  await expect(read()).rejects.toMatchObject({ code: "NO_QUORUM", retryable: true });
});
