// SPDX-License-Identifier: Apache-2.0

import { createPrng } from "@conclave/base";
import { describe, expect, test } from "vitest";
import type { PeerCallHandler } from "../replica/peer-calls.ts";
import { CLUSTER_ID, createMeshWorld, type MeshWorld, memberOf } from "./memory-mesh.ts";
import { createPeerMesh, type PeerMesh } from "./peer-mesh.ts";

const MEMBERS = [memberOf(1), memberOf(2)];
const REQUEST = new Uint8Array([1, 2, 3]);

interface Served {
  readonly from: number;
  readonly request: Uint8Array;
  readonly giveUpAtMs: number;
  readonly signal: AbortSignal;
  readonly answer: (answer: Uint8Array) => void;
}

/** A node 2 that answers when it is told to. */
function server(world: MeshWorld): { readonly mesh: PeerMesh; readonly served: Served[] } {
  const served: Served[] = [];
  const handler: PeerCallHandler = (from, request, options) =>
    new Promise((answer) => served.push({ from, request, ...options, answer }));
  const member = memberOf(2);
  const mesh = createPeerMesh({
    self: { ...member, clusterId: CLUSTER_ID, version: "1.0.0" },
    clock: world.clock,
    prng: createPrng(2n),
    dialer: world.network.dialer(member.address),
    log: () => {},
  });
  world.network.listen(member.address, { accept: (requests) => mesh.accept(requests) });
  mesh.serve(handler);
  mesh.bindHost({ receive: () => {}, unreachable: () => {} });
  mesh.setMembers(MEMBERS, 0);
  return { mesh, served };
}

describe("a call", () => {
  test("is served with its caller and its deadline, and answered", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1), { members: MEMBERS });
    const { served } = server(world);
    await world.pass(400);

    const outcome = one.mesh.call(2, REQUEST, { giveUpAtMs: 1_400 });
    await world.settle();
    served[0]?.answer(new Uint8Array([9]));

    expect(served[0]).toMatchObject({ from: 1, request: REQUEST, giveUpAtMs: 1_400 });
    await expect(outcome).resolves.toEqual({ kind: "answered", answer: new Uint8Array([9]) });
  });

  test("that is answered before an earlier one does not wait for it", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1), { members: MEMBERS });
    const { served } = server(world);
    await world.settle();

    void one.mesh.call(2, REQUEST, { giveUpAtMs: 1_000 });
    const second = one.mesh.call(2, REQUEST, { giveUpAtMs: 1_000 });
    await world.settle();
    served[1]?.answer(new Uint8Array([2]));

    await expect(second).resolves.toMatchObject({ kind: "answered" });
  });

  test("that is not answered in time times out, and the one who serves it is told", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1), { members: MEMBERS });
    const { served } = server(world);
    await world.settle();

    const outcome = one.mesh.call(2, REQUEST, { giveUpAtMs: 200 });
    await world.settle();
    world.clock.advance(200);
    await world.settle();

    await expect(outcome).resolves.toEqual({ kind: "timeout" });
    expect(served[0]?.signal.aborted).toBe(true);
  });

  test("that its caller gives up is over at once, and the one who serves it is told", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1), { members: MEMBERS });
    const { served } = server(world);
    await world.settle();
    const controller = new AbortController();

    const { signal } = controller;
    const outcome = one.mesh.call(2, REQUEST, { giveUpAtMs: 5_000, signal });
    await world.settle();
    controller.abort();
    await world.settle();

    await expect(outcome).resolves.toEqual({ kind: "timeout" });
    expect(served[0]?.signal.aborted).toBe(true);
  });

  test("that is given up before it is sent never leaves", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1), { members: MEMBERS });
    const controller = new AbortController();
    const { signal } = controller;

    const outcome = one.mesh.call(2, REQUEST, { giveUpAtMs: 5_000, signal });
    controller.abort();
    const { served } = server(world);
    await world.pass(1_000);

    await expect(outcome).resolves.toEqual({ kind: "timeout" });
    expect(served).toEqual([]);
  });

  test("whose time is over already is not sent", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1), { members: MEMBERS });
    const { served } = server(world);
    await world.pass(100);

    await expect(one.mesh.call(2, REQUEST, { giveUpAtMs: 100 })).resolves.toEqual({
      kind: "timeout",
    });
    await world.settle();
    expect(served).toEqual([]);
  });

  test("to a node that is away, or is no member, has certainly not arrived", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1), { members: MEMBERS });
    await world.settle();

    const never = { kind: "unreachable", isSent: false };
    await expect(one.mesh.call(2, REQUEST, { giveUpAtMs: 1_000 })).resolves.toEqual(never);
    await expect(one.mesh.call(9, REQUEST, { giveUpAtMs: 1_000 })).resolves.toEqual(never);
  });

  test("whose stream breaks may have been served, and its service is over", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1), { members: MEMBERS });
    const { served } = server(world);
    await world.settle();

    const outcome = one.mesh.call(2, REQUEST, { giveUpAtMs: 1_000 });
    await world.settle();
    world.network.reset("node-1:7400", "node-2:7400");
    await world.settle();

    await expect(outcome).resolves.toEqual({ kind: "unreachable", isSent: true });
    expect(served[0]?.signal.aborted).toBe(true);
  });

  test("that waits behind others when its stream breaks has certainly not arrived", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1), { members: MEMBERS });
    const { served } = server(world);
    await world.settle();
    world.network.silence("node-1:7400", "node-2:7400");

    const large = new Uint8Array(300_000);
    const calls = Array.from({ length: 10 }, () => one.mesh.call(2, large, { giveUpAtMs: 60_000 }));
    await world.settle();
    world.network.reset("node-1:7400", "node-2:7400");
    const outcomes = await Promise.all(calls);

    const areSent = outcomes.map((each) => each.kind === "unreachable" && each.isSent);
    expect(areSent.slice(0, 3)).toEqual([true, true, true]);
    expect(areSent.slice(-3)).toEqual([false, false, false]);
    expect(served).toEqual([]);
  });

  test("is refused unsent where too much waits already", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1), { members: MEMBERS });
    server(world);

    const calls = Array.from({ length: 9 }, () =>
      one.mesh.call(2, new Uint8Array(1_000_000), { giveUpAtMs: 1_000 }),
    );

    await expect(calls[8]).resolves.toEqual({ kind: "unreachable", isSent: false });
  });

  test("of which too many are open is refused by the one who would serve it", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1), { members: MEMBERS });
    const { served } = server(world);
    await world.settle();

    for (let i = 0; i < 8_192; i++) void one.mesh.call(2, REQUEST, { giveUpAtMs: 10_000 });
    await world.settle();
    const outcome = one.mesh.call(2, REQUEST, { giveUpAtMs: 10_000 });
    await world.settle();

    await expect(outcome).resolves.toEqual({ kind: "unreachable", isSent: false });
    expect(served).toHaveLength(8_192);
  });
});
