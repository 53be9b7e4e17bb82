// SPDX-License-Identifier: Apache-2.0
/** How a question is measured: rounds of one task, of which the median and the slow quarter are kept. */

import { Bench } from "tinybench";

export interface Measurement {
  readonly name: string;
  /** Operations per second at the median round. */
  readonly perSecond: number;
  /** The same where the slowest quarter of the rounds begins: far below means a noisy machine. */
  readonly slowQuarter: number;
  /** Of one round, in milliseconds. */
  readonly medianMs: number;
}

export interface Task {
  readonly name: string;
  /** How many operations one round of `run` performs. */
  readonly operations: number;
  readonly run: () => void | Promise<void>;
}

/**
 * Runs each task for about `seconds` after a warm-up.
 *
 * @throws the first error that a task throws: a round that failed is not a measurement.
 */
export async function measure(tasks: readonly Task[], seconds: number): Promise<Measurement[]> {
  const bench = new Bench({ time: seconds * 1000, warmupTime: 300, throws: true });
  for (const task of tasks) bench.add(task.name, task.run);
  await bench.run();
  return tasks.map((task) => {
    const result = bench.getTask(task.name)?.result;
    if (result === undefined || !("latency" in result)) throw new Error(`${task.name}: no result`);
    const perSecond = (roundMs: number): number => (task.operations * 1000) / roundMs;
    return {
      name: task.name,
      perSecond: perSecond(result.latency.p50),
      slowQuarter: perSecond(result.latency.p75),
      medianMs: result.latency.p50,
    };
  });
}
