// SPDX-License-Identifier: Apache-2.0

import { create } from "@bufbuild/protobuf";
import { AttachHelloSchema, type AttachResponse, AttachResponseSchema } from "@conclave/api";
import { type Clock, createManualClock, createPrng } from "@conclave/base";
import { expect, test } from "vitest";
import { Channel } from "./channel.ts";
import { ClusterPin } from "./cluster-pin.ts";
import { DialPace } from "./dial-pace.ts";
import { Endpoints } from "./endpoints.ts";
import type { AttachmentListener } from "./link.ts";

const CLUSTER = new Uint8Array([1, 2, 3]);
const OTHER = new Uint8Array([9, 9, 9]);

test("a node that accepts and says nothing is given up for another one", () => {
  const rig = createRig();

  rig.clock.advance(400);

  const [first, second] = rig.attempts;
  expect(first?.isClosed).toBe(true);
  expect(second?.endpoint).not.toBe(first?.endpoint);
});

test("a node of another cluster than the first is refused, and told nothing", () => {
  const rig = createRig();
  rig.attempts[0]?.listener.frame(welcome(CLUSTER));
  expect(rig.told).toEqual(["attached", "news", "frame"]);

  rig.attempts[0]?.listener.end(new Error("gone"));
  rig.clock.advance(100);
  rig.attempts[1]?.listener.frame(welcome(OTHER));

  expect(rig.told).toEqual(["attached", "news", "frame", "detached"]);
  expect(rig.attempts[1]?.isClosed).toBe(true);
  expect(rig.failures.at(-1)).toMatchObject({ code: "OTHER_CLUSTER" });
});

test("an attachment is announced before its own news of leaders, which may send business over it", () => {
  const rig = createRig();

  rig.attempts[0]?.listener.frame(welcome(CLUSTER));

  expect(rig.told.indexOf("attached")).toBeLessThan(rig.told.indexOf("news"));
});

test("a greeting is waited for longer where this process stood still", () => {
  const rig = createRig();

  rig.standStill(400);
  expect(rig.attempts).toHaveLength(1);
  rig.attempts[0]?.listener.frame(welcome(CLUSTER));
  rig.clock.advance(10_000);

  expect(rig.attempts).toHaveLength(1);
});

test("what an attachment says after it was given up reaches nobody", () => {
  const rig = createRig();
  rig.clock.advance(400);

  rig.attempts[0]?.listener.frame(welcome(CLUSTER));
  rig.attempts[0]?.listener.end(new Error("late"));

  expect(rig.told).toEqual([]);
});

test("an end after a goodbye is told as one", () => {
  const rig = createRig();
  rig.attempts[0]?.listener.frame(welcome(CLUSTER));

  rig.attempts[0]?.listener.frame(
    create(AttachResponseSchema, { goodbye: { reason: "shutting down" } }),
  );

  expect(rig.told.at(-1)).toBe("detached with goodbye");
});

test("a closed channel tries nothing more and leaves no timer", () => {
  const rig = createRig();
  rig.attempts[0]?.listener.end(new Error("refused"));

  rig.channel.close();
  rig.clock.advance(10_000);

  expect(rig.attempts).toHaveLength(1);
  expect(rig.clock.pendingTimers).toBe(0);
});

interface Attempt {
  readonly endpoint: string;
  readonly listener: AttachmentListener;
  isClosed: boolean;
}

function createRig(): {
  readonly clock: ReturnType<typeof createManualClock>;
  readonly channel: Channel;
  readonly attempts: readonly Attempt[];
  readonly told: readonly string[];
  readonly failures: readonly unknown[];
  /** Time in which no timer of this process fires: what falls due meanwhile fires at its end. */
  standStill(ms: number): void;
} {
  const clock = createManualClock();
  let stillUntilMs = 0;
  const setTimer: Clock["setTimer"] = (delayMs, fire) => {
    let cancel = clock.setTimer(delayMs, () => {
      const leftMs = stillUntilMs - clock.monotonicMs();
      if (leftMs > 0) cancel = clock.setTimer(leftMs, fire);
      else fire();
    });
    return () => cancel();
  };
  const prng = createPrng(1n);
  const pin = new ClusterPin();
  const attempts: Attempt[] = [];
  const told: string[] = [];
  const failures: unknown[] = [];
  const channel = new Channel(
    {
      runtime: {
        link: {
          attach: (endpoint, listener) => {
            const attempt: Attempt = { endpoint, listener, isClosed: false };
            attempts.push(attempt);
            return {
              send: () => {},
              close: () => {
                attempt.isClosed = true;
              },
            };
          },
          close: () => {},
        },
        clock: { ...clock, setTimer },
        suspendClock: { uptimeMs: () => clock.monotonicMs() },
        prng,
        defer: (run) => run(),
        drawSessionId: () => 1n,
        processName: "rig",
      },
      pace: new DialPace(clock),
      admit: (answer) => pin.admit(answer),
      told: () => void told.push("news"),
      failed: (cause) => void failures.push(cause),
    },
    new Endpoints(["http://a", "http://b"], prng),
    {
      hello: () => create(AttachHelloSchema, {}),
      attached: () => void told.push("attached"),
      received: () => void told.push("frame"),
      detached: (_channel, isGoodbye) =>
        void told.push(isGoodbye ? "detached with goodbye" : "detached"),
      drain: () => undefined,
      welcomeMs: 300,
    },
  );
  channel.open();
  const standStill = (ms: number): void => {
    stillUntilMs = clock.monotonicMs() + ms;
    clock.advance(ms);
  };
  return { clock, channel, attempts, told, failures, standStill };
}

function welcome(clusterId: Uint8Array): AttachResponse {
  return create(AttachResponseSchema, {
    welcome: { instance: "", cluster: { clusterId, partitionCount: 2, node: 1, version: "x" } },
  });
}
