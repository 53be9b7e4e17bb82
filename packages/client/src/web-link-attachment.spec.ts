// SPDX-License-Identifier: Apache-2.0
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type AttachReply,
  AttachRequestSchema,
  type AttachResponse,
  AttachResponseSchema,
  CandidacyState,
  EnterResponseSchema,
  type FrameError,
  FrameErrorSchema,
  KeepAliveResponseSchema,
  type Lease,
  LeaseStatus,
  OpenSessionResponseSchema,
  Reason,
} from "@conclave/api";
import { expect, test } from "vitest";
import { WebAttachment, type WebAttachmentOwner } from "./web-link-attachment.ts";

const { CONFIRMED, ENDED, UNCONFIRMED } = LeaseStatus;

/** An attachment whose calls are answered by hand, and what it has told the core. */
class Scene {
  readonly frames: AttachResponse[] = [];
  readonly ends: unknown[] = [];
  readonly losses: unknown[] = [];
  readonly asked: { readonly name: string; answer(message: object): void; fail(): void }[] = [];
  readonly attachment: WebAttachment;

  constructor() {
    const ask = (method: { readonly name: string }): Promise<never> =>
      new Promise((resolve, reject) => {
        this.asked.push({
          name: method.name,
          answer: (message) => resolve(message as never),
          fail: () => reject(new TypeError("network error")),
        });
      });
    const owner: WebAttachmentOwner = {
      changed: () => {},
      left: () => {},
      lost: (cause) => void this.losses.push(cause),
      ask,
      askLast: ask,
    };
    this.attachment = new WebAttachment(1, owner, {
      frame: (frame) => void this.frames.push(frame),
      end: (cause) => void this.ends.push(cause),
    });
    this.send({ hello: { session: { sessionId: 7n } } });
    this.hear(1, {
      welcome: {
        cluster: {
          partitionCount: 1,
          node: 2,
          members: [{ node: 2, url: "http://inside:7400" }],
          leaders: [{ partition: 1, node: 2 }],
        },
      },
    });
  }

  send(frame: MessageInitShape<typeof AttachRequestSchema>): void {
    this.attachment.send(create(AttachRequestSchema, frame));
  }

  hear(stream: number, frame: MessageInitShape<typeof AttachResponseSchema>): void {
    this.attachment.hear(stream, create(AttachResponseSchema, frame));
  }

  enter(...correlations: readonly bigint[]): void {
    const value = { election: { name: "orders" }, candidate: "a" };
    this.send({
      commands: correlations.map((correlation) => ({
        correlation,
        command: { case: "enter" as const, value },
      })),
    });
  }

  /** Answers the oldest call that is open. */
  async answer(name: string, message: object): Promise<void> {
    const call = this.asked.shift();
    expect(call?.name).toBe(name);
    call?.answer(message);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }

  get replies(): AttachReply[] {
    return this.frames.flatMap(({ replies }) => replies);
  }

  get leases(): Lease[] {
    return this.frames.flatMap(({ leases }) => leases);
  }
}

const opened = (status: LeaseStatus): object =>
  create(OpenSessionResponseSchema, { leases: [{ partition: 1, status }] });
const entered = (result: { readonly replayed?: boolean } = {}): object =>
  create(EnterResponseSchema, { result: { partition: 1, revision: 5n, leading: true, ...result } });
const refused = (code: string): FrameError => create(FrameErrorSchema, { code });

test("a welcome is told once, whatever streams follow, and names no members", () => {
  const { frames, attachment } = new Scene();
  attachment.hear(2, create(AttachResponseSchema, { welcome: { cluster: { partitionCount: 1 } } }));

  expect(frames.map(({ welcome }) => welcome?.cluster)).toMatchObject([
    { node: 2, partitionCount: 1, members: [], leaders: [] },
    undefined,
  ]);
});

test("what an older stream still tells is dropped once a newer one has spoken", () => {
  const scene = new Scene();
  scene.hear(2, {});
  const told = scene.frames.length;

  scene.hear(1, { goodbye: { reason: "shutting down" } });

  expect(scene.frames).toHaveLength(told);
});

test("an office stands last in what a stream begins with, and in its place in what follows", () => {
  const scene = new Scene();
  const told = (candidate: string, state: CandidacyState, revision: bigint) => ({
    election: { name: "orders" },
    ...{ candidate, state, revision, partition: 1 },
  });
  const { LEADING, WAITING } = CandidacyState;
  const candidacies = [told("a", LEADING, 4n), told("b", WAITING, 6n), told("c", WAITING, 5n)];

  scene.hear(2, { candidacies });
  scene.hear(2, { candidacies });

  const [begun, followed] = scene.frames
    .slice(-2)
    .map((frame) => frame.candidacies.map((c) => c.candidate));
  expect(begun).toEqual(["c", "b", "a"]);
  expect(followed).toEqual(["a", "b", "c"]);
});

test("a session is registered once before it enters, and only what was sent before is credited with it", async () => {
  const scene = new Scene();
  scene.enter(1n, 2n);
  scene.enter(3n);
  expect(scene.asked.map(({ name }) => name)).toEqual(["OpenSession"]);

  await scene.answer("OpenSession", opened(CONFIRMED));
  await scene.answer("Enter", entered());
  await scene.answer("Enter", entered({ replayed: true }));
  await scene.answer("Enter", entered());
  scene.enter(4n);
  await scene.answer("Enter", entered());

  const registered = scene.replies.map(({ correlation, reply }) => [
    correlation,
    reply.case === "enter" && reply.value.result?.registered,
  ]);
  expect(registered).toEqual([
    [1n, true],
    [2n, false],
    [3n, false],
    [4n, false],
  ]);
});

test("an Enter into a session that has ended is refused as the server refuses it, and the lease is told to be over", async () => {
  const scene = new Scene();
  scene.enter(1n);

  await scene.answer("OpenSession", opened(ENDED));

  expect(scene.leases).toMatchObject([{ partition: 1, status: ENDED }]);
  expect(scene.replies).toMatchObject([
    {
      correlation: 1n,
      reply: { case: "error", value: { info: { reason: Reason.SESSION_ENDED } } },
    },
  ]);
});

test("a session that could not be registered is registered anew for the next attempt", async () => {
  const scene = new Scene();
  scene.enter(1n);
  await scene.answer("OpenSession", opened(UNCONFIRMED));
  expect(scene.replies).toMatchObject([
    { reply: { value: { info: { reason: Reason.NO_LEADER } } } },
  ]);
  scene.enter(1n);
  await scene.answer("OpenSession", refused("unavailable"));
  expect(scene.replies[1]).toMatchObject({ reply: { value: { code: "unavailable" } } });
  scene.enter(1n);

  await scene.answer("OpenSession", opened(CONFIRMED));
  await scene.answer("Enter", entered());

  expect(scene.replies[2]?.reply).toMatchObject({ value: { result: { registered: true } } });
});

test("each partition is renewed by a call of its own, and a transient refusal confirms nothing", async () => {
  const scene = new Scene();
  scene.send({ renewals: [{ number: 4n, partitions: [1, 2] }] });
  expect(scene.asked.map(({ name }) => name)).toEqual(["KeepAlive", "KeepAlive"]);

  const confirmed = { leases: [{ partition: 1, status: CONFIRMED, number: 4n }] };
  await scene.answer("KeepAlive", create(KeepAliveResponseSchema, confirmed));
  await scene.answer("KeepAlive", refused("unavailable"));

  expect(scene.leases).toMatchObject([
    { partition: 1, status: CONFIRMED, number: 4n },
    { partition: 2, status: UNCONFIRMED },
  ]);
  expect(scene.ends).toEqual([]);
});

test("a renewal that is refused for good ends this attachment, and one that is lost ends all", async () => {
  const [denied, broken] = [new Scene(), new Scene()];
  for (const scene of [denied, broken]) {
    scene.send({ renewals: [{ number: 1n, partitions: [1] }] });
  }

  await denied.answer("KeepAlive", refused("unauthenticated"));
  broken.asked[0]?.fail();
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();

  expect(denied.ends).toMatchObject([{ code: "DENIED" }]);
  expect(denied.losses).toEqual([]);
  expect(broken.losses).toMatchObject([{ message: "network error" }]);
});

test("a watch is asked for again where the last event said, and under its old request before any did", () => {
  const scene = new Scene();
  const request = { elections: [{ name: "orders" }], after: 3n, withBase: true };
  scene.send({
    watches: [
      { id: 1n, request },
      { id: 2n, request },
      { id: 3n, request },
    ],
  });
  const resume = new Uint8Array([9]);
  scene.hear(1, {
    watchEvents: [
      { id: 1n, outcome: { case: "event", value: { resume } } },
      { id: 1n, outcome: { case: "event", value: {} } },
      { id: 3n, outcome: { case: "ended", value: { code: "unavailable" } } },
    ],
  });

  const watches = scene.attachment.asListener(false)?.watches;

  expect(watches).toMatchObject([
    { id: 1n, request: { elections: request.elections, resume, withBase: false } },
    { id: 2n, request },
  ]);
  expect(watches?.[0]?.request?.after).toBeUndefined();
  scene.send({ unwatch: [1n, 2n] });
  expect(scene.attachment.isWatching).toBe(false);
});

test("a snapshot that was told in part when another stream takes over is begun anew by the core", () => {
  const scene = new Scene();
  const request = { prefix: { prefix: "o" } };
  scene.send({
    watches: [
      { id: 1n, request },
      { id: 2n, request },
      { id: 3n, request },
    ],
  });
  const snapshot = { event: { case: "snapshot" as const, value: {} } };
  const told = (id: bigint, value: object) => ({ id, outcome: { case: "event" as const, value } });
  const end = { event: { case: "snapshotEnd" as const, value: {} }, resume: new Uint8Array([9]) };
  scene.hear(1, { watchEvents: [told(1n, snapshot), told(2n, snapshot), told(2n, end)] });

  scene.hear(2, { watchEvents: [told(1n, snapshot)] });

  // What was deleted between the two snapshots would stay for ever.
  const ended = scene.frames
    .flatMap(({ watchEvents }) => watchEvents)
    .filter(({ outcome }) => outcome.case === "ended");
  expect(ended).toMatchObject([{ id: 1n, outcome: { value: { code: "unavailable" } } }]);
  const asked = scene.attachment.asListener(false)?.watches.map(({ id }) => id);
  expect(asked).toEqual([2n, 3n]);
});

test("a session's end is answered by a goodbye", async () => {
  const scene = new Scene();
  scene.send({ closeSession: true });

  await scene.answer("CloseSession", {});

  expect(scene.frames.at(-1)?.goodbye?.reason).toBe("session closed");
});

test("after its end nothing is told, asked or lost any more", async () => {
  const scene = new Scene();
  scene.enter(1n);
  const told = scene.frames.length;

  scene.attachment.close();
  scene.asked[0]?.fail();
  scene.enter(2n);
  scene.attachment.end(new Error("late"));
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();

  expect(scene.asked).toHaveLength(1);
  expect([scene.frames.length - told, scene.ends, scene.losses]).toEqual([0, [], []]);
});
