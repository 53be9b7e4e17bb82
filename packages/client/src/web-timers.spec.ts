// SPDX-License-Identifier: Apache-2.0
/** Timers of pages that are hidden, over a page whose own timers then run once a minute. */
import { type Clock, createManualClock, type ManualClock } from "@conclave/base";
import { expect, test } from "vitest";
import { type AlarmListener, WebTimers } from "./web-timers.ts";

const MINUTE_MS = 60_000;

test("timers of a page that is seen fire in the order in which they are due, and make no alarm", () => {
  const page = createPage();
  const fired: number[] = [];
  for (const ms of [30, 10, 20, 10]) page.timers.setTimer(ms, () => fired.push(ms));

  page.clock.advance(30);

  expect(fired).toEqual([10, 10, 20, 30]);
  expect(page.alarms).toHaveLength(0);
});

test("a timer that is set in a hidden page fires on time", () => {
  const page = createPage();
  page.hide(true);
  let firedMs = 0;

  page.timers.setTimer(250, () => {
    firedMs = page.clock.monotonicMs();
  });
  page.clock.advance(2 * MINUTE_MS);

  expect(firedMs).toBe(250);
});

test("a timer that was set before its page was hidden fires on time", () => {
  const page = createPage();
  let firedMs = 0;
  page.timers.setTimer(5_000, () => {
    firedMs = page.clock.monotonicMs();
  });

  page.clock.advance(1_000);
  page.hide(true);
  page.clock.advance(2 * MINUTE_MS);

  expect(firedMs).toBe(5_000);
});

test("a hidden page that waits for nothing makes no alarm, and one that is shown again ends its own", () => {
  const page = createPage();
  page.hide(true);
  expect(page.alarms).toHaveLength(0);

  page.timers.setTimer(10, () => {});
  page.timers.setTimer(20, () => {});
  expect(page.alarms.map(({ isOver }) => isOver)).toEqual([false]);
  page.hide(false);

  expect(page.alarms.map(({ isOver }) => isOver)).toEqual([true]);
});

test("where no alarm may be made the page's own timers serve, late, and none is tried again", () => {
  const page = createPage({ forbids: true });
  page.hide(true);
  const firedMs: number[] = [];
  const again = (): void => {
    firedMs.push(page.clock.monotonicMs());
    page.timers.setTimer(250, again);
  };
  page.timers.setTimer(250, again);

  page.clock.advance(2 * MINUTE_MS);

  expect(firedMs).toEqual([MINUTE_MS, 2 * MINUTE_MS]);
  expect(page.tries).toBe(1);
});

test("where the alarm turns out to be forbidden after it was made, the page's own timers serve", () => {
  const page = createPage();
  page.hide(true);
  let firedMs = 0;
  page.timers.setTimer(250, () => {
    firedMs = page.clock.monotonicMs();
  });

  page.alarms[0]?.listener.failed();
  page.clock.advance(2 * MINUTE_MS);

  expect(page.alarms[0]?.isOver).toBe(true);
  expect(firedMs).toBe(MINUTE_MS);
  expect(page.tries).toBe(1);
});

test("a timer that another one cancels does not fire with it", () => {
  const page = createPage();
  let fired = 0;
  page.timers.setTimer(10, () => cancel());
  const cancel = page.timers.setTimer(10, () => {
    fired += 1;
  });

  page.clock.advance(10);

  expect(fired).toBe(0);
});

test("a timer whose function throws does not take the others with it", () => {
  const page = createPage();
  let fired = 0;
  page.timers.setTimer(10, () => {
    throw new Error("a fault");
  });
  page.timers.setTimer(10, () => {
    fired += 1;
  });

  expect(() => page.clock.advance(10)).toThrowError("a fault");
  page.clock.advance(1);

  expect(fired).toBe(1);
});

test("whoever watches the clocks is called before anything that waited", () => {
  const page = createPage();
  page.timers.setTimer(10, () => page.told.push("fired"));

  page.clock.advance(10);

  expect(page.told).toEqual(["woken", "fired"]);
});

test("timers that are closed fire no more, and end the alarm", () => {
  const page = createPage();
  page.hide(true);
  let fired = 0;
  page.timers.setTimer(10, () => {
    fired += 1;
  });

  page.timers.close();
  page.clock.advance(2 * MINUTE_MS);

  expect(fired).toBe(0);
  expect(page.alarms[0]?.isOver).toBe(true);
});

interface TwinAlarm {
  readonly listener: AlarmListener;
  isOver: boolean;
}

interface Page {
  readonly clock: ManualClock;
  readonly timers: WebTimers;
  readonly alarms: readonly TwinAlarm[];
  readonly told: string[];
  readonly tries: number;
  hide(isHidden: boolean): void;
}

/** A page as a browser keeps it: hidden, its timers fire at full minutes; an alarm fires on time. */
function createPage({ forbids = false } = {}): Page {
  const clock = createManualClock();
  let isHidden = false;
  const document = new EventTarget();
  const throttled: Clock = {
    ...clock,
    setTimer(delayMs, fire) {
      const dueMs = clock.monotonicMs() + delayMs;
      const fireUnlessHidden = (): void => {
        const lateMs = MINUTE_MS - (clock.monotonicMs() % MINUTE_MS);
        if (!isHidden || lateMs === MINUTE_MS) fire();
        else cancel = clock.setTimer(lateMs, fire);
      };
      let cancel = clock.setTimer(Math.max(0, dueMs - clock.monotonicMs()), fireUnlessHidden);
      return () => cancel();
    },
  };
  const alarms: TwinAlarm[] = [];
  const told: string[] = [];
  let tries = 0;
  const timers = new WebTimers({
    clock: throttled,
    document,
    isHidden: () => isHidden,
    woken: () => told.push("woken"),
    createAlarm: (listener) => {
      tries += 1;
      if (forbids) throw new Error("refused by a policy");
      const alarm: TwinAlarm = { listener, isOver: false };
      alarms.push(alarm);
      let cancel = (): void => {};
      return {
        set: (delayMs) => {
          cancel();
          cancel = clock.setTimer(delayMs, listener.ring);
        },
        end: () => {
          cancel();
          alarm.isOver = true;
        },
      };
    },
  });
  return {
    clock,
    timers,
    alarms,
    told,
    get tries() {
      return tries;
    },
    hide(value) {
      isHidden = value;
      document.dispatchEvent(new Event("visibilitychange"));
    },
  };
}
