// SPDX-License-Identifier: Apache-2.0
/**
 * Timers that are on time in a hidden page, too, where browsers let those of the page run once a
 * minute. Nothing is right because of them: a timer that does not fire costs an office, no more.
 *
 * A worker's timers are not slowed down. So one is made as an alarm clock, for as long as the page is
 * hidden and waits for something. All it does is wake the page's own thread, which alone sends
 * renewals: a page that hangs renews nothing, and loses what it holds.
 */

import type { CancelTimer, Clock } from "@conclave/base";

/** Rings once for each setting; the last setting counts. */
export interface Alarm {
  set(delayMs: number): void;
  end(): void;
}

export interface AlarmListener {
  ring(): void;
  /** It will never ring: a policy of the page forbids workers, say. */
  failed(): void;
}

export interface WebTimersParts {
  /** The page's own timers, which may be a minute late. */
  readonly clock: Clock;
  /** Says `visibilitychange`; nothing: this runs in no page, and its timers are on time. */
  readonly document: EventTarget | undefined;
  /** Whether the page's own timers are late. Not while it is put away: then nothing is waited for. */
  readonly isHidden: () => boolean;
  /** May throw, where it may not be made. */
  readonly createAlarm: (listener: AlarmListener) => Alarm;
  /** Called whenever a timer has run, before anything that waited for it. */
  readonly woken: () => void;
}

interface Timer {
  readonly dueMs: number;
  readonly fire: () => void;
}

export class WebTimers {
  readonly #parts: WebTimersParts;
  readonly #timers = new Set<Timer>();
  /** When the next one wakes us; while they fire, none is set. */
  #wakeMs = Number.POSITIVE_INFINITY;
  #cancelWake: CancelTimer = () => {};
  #alarm: Alarm | undefined;
  #mayHaveAlarm = true;

  constructor(parts: WebTimersParts) {
    this.#parts = parts;
    parts.document?.addEventListener("visibilitychange", this.#arm);
  }

  setTimer(delayMs: number, fire: () => void): CancelTimer {
    const timer: Timer = { dueMs: this.#parts.clock.monotonicMs() + delayMs, fire };
    this.#timers.add(timer);
    if (timer.dueMs < this.#wakeMs) this.#arm();
    return () => this.#timers.delete(timer);
  }

  close(): void {
    this.#parts.document?.removeEventListener("visibilitychange", this.#arm);
    this.#timers.clear();
    this.#cancelWake();
    this.#endAlarm();
  }

  readonly #arm = (): void => {
    const { clock } = this.#parts;
    this.#cancelWake();
    this.#wakeMs = Number.POSITIVE_INFINITY;
    for (const { dueMs } of this.#timers) this.#wakeMs = Math.min(this.#wakeMs, dueMs);
    const isHidden = this.#parts.isHidden();
    if (!isHidden) this.#endAlarm();
    if (this.#timers.size === 0) return;
    const delayMs = Math.max(0, this.#wakeMs - clock.monotonicMs());
    this.#cancelWake = clock.setTimer(delayMs, this.#wake);
    if (isHidden && this.#mayHaveAlarm) this.#setAlarm(delayMs);
  };

  readonly #wake = (): void => {
    const { clock, woken } = this.#parts;
    this.#wakeMs = Number.NEGATIVE_INFINITY;
    try {
      woken();
      const nowMs = clock.monotonicMs();
      const due = [...this.#timers].filter(({ dueMs }) => dueMs <= nowMs);
      due.sort((a, b) => a.dueMs - b.dueMs);
      // One of them may cancel another.
      for (const timer of due) if (this.#timers.delete(timer)) timer.fire();
    } finally {
      this.#arm();
    }
  };

  #setAlarm(delayMs: number): void {
    try {
      this.#alarm ??= this.#parts.createAlarm({ ring: this.#wake, failed: this.#giveAlarmUp });
      this.#alarm.set(delayMs);
    } catch {
      this.#giveAlarmUp();
    }
  }

  /** The page's own timers have to do. */
  readonly #giveAlarmUp = (): void => {
    this.#mayHaveAlarm = false;
    this.#endAlarm();
  };

  #endAlarm(): void {
    this.#alarm?.end();
    this.#alarm = undefined;
  }
}

const ALARM_SOURCE = "let t;onmessage=e=>{clearTimeout(t);t=setTimeout(postMessage,e.data,0)}";

/** @throws where workers, or workers from a Blob, are forbidden. */
export function createWorkerAlarm({ ring, failed }: AlarmListener): Alarm {
  const url = URL.createObjectURL(new Blob([ALARM_SOURCE], { type: "text/javascript" }));
  const worker = new Worker(url);
  worker.onmessage = ring;
  worker.onerror = (event) => {
    event.preventDefault();
    failed();
  };
  return {
    set: (delayMs) => worker.postMessage(delayMs),
    end: () => {
      worker.terminate();
      URL.revokeObjectURL(url);
    },
  };
}
