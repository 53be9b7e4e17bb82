// SPDX-License-Identifier: Apache-2.0
/** Times and lengths of time in the words of the page. */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** The two largest units: `8 s`, `3 min 20 s`, `2 h 5 min`, `4 d 1 h`. Less than nothing is nothing. */
export function durationText(ms: number): string {
  if (ms < MINUTE_MS) return `${Math.max(0, Math.floor(ms / SECOND_MS))} s`;
  if (ms < HOUR_MS) return twoUnits(ms, MINUTE_MS, "min", SECOND_MS, "s");
  if (ms < DAY_MS) return twoUnits(ms, HOUR_MS, "h", MINUTE_MS, "min");
  return twoUnits(ms, DAY_MS, "d", HOUR_MS, "h");
}

/** `14:03:09`, by this page's time zone. */
export function clockText(ms: number): string {
  return new Date(ms).toLocaleTimeString("en-GB");
}

/** `2026-03-01 14:03:09`, by this page's time zone. */
export function dateText(ms: number): string {
  const date = new Date(ms);
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()];
  return `${day.map((part) => String(part).padStart(2, "0")).join("-")} ${clockText(ms)}`;
}

function twoUnits(ms: number, large: number, name: string, small: number, rest: string): string {
  const remainder = Math.floor((ms % large) / small);
  const head = `${Math.floor(ms / large)} ${name}`;
  return remainder === 0 ? head : `${head} ${remainder} ${rest}`;
}
