// SPDX-License-Identifier: Apache-2.0
export { AssertionError, assert, unreachable } from "./assert.ts";
export type { CancelTimer, Clock } from "./clock.ts";
export { LoopWatch, TICK_MS } from "./loop-watch.ts";
export { createManualClock, type ManualClock } from "./manual-clock.ts";
export { createPrng, type Prng } from "./prng.ts";
