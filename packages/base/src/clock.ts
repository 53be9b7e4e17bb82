// SPDX-License-Identifier: Apache-2.0
/**
 * Time as an argument. This file says what a clock is; it implements none, so that nothing that
 * imports it can read the machine's time by accident.
 */

/** Removes the timer it was returned for; safe to call more than once and after it has fired. */
export type CancelTimer = () => void;

/** The only source of time for all code outside the node-specific folders. */
export interface Clock {
  /** Milliseconds since an arbitrary origin, never falling, unaffected by changes of the wall clock. */
  monotonicMs(): number;
  /** Milliseconds since 1970 (Unix time). May jump either way; for showing, never for deciding. */
  wallMs(): number;
  /** Calls `fire` once, not before `delayMs` has passed on the monotonic clock, never synchronously. */
  setTimer(delayMs: number, fire: () => void): CancelTimer;
}
