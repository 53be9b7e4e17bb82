// SPDX-License-Identifier: Apache-2.0
/**
 * How a question is measured: contenders take rounds in turn, so that a noisy minute of the machine
 * meets all of them, and the median round is kept with its spread.
 */

/** What one round gave. */
export interface Round {
  readonly perSecond: number;
  /** Of each operation of the round, or of a fair part of them. */
  readonly latenciesMs: readonly number[];
}

export interface Contender {
  readonly name: string;
  readonly round: () => Promise<Round>;
}

/** A median with the least and the greatest that was seen. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Summary {
  readonly name: string;
  readonly perSecond: Spread;
  /** Over the operations of all rounds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * Lets each contender take one round to warm up and then `rounds` that count, in turn.
 *
 * @throws the first error of a round: one that failed is not a measurement.
 */
export async function takeTurns(
  contenders: readonly Contender[],
  rounds: number,
): Promise<readonly Summary[]> {
  const taken = contenders.map((contender) => ({ contender, rounds: [] as Round[] }));
  for (let turn = 0; turn <= rounds; turn++) {
    for (const { contender, rounds } of taken) {
      const round = await contender.round();
      if (turn > 0) rounds.push(round);
    }
  }
  return taken.map(({ contender, rounds }) => {
    const latencies = rounds.flatMap(({ latenciesMs }) => latenciesMs);
    return {
      name: contender.name,
      perSecond: spreadOf(rounds.map(({ perSecond }) => perSecond)),
      p50Ms: quantile(latencies, 0.5),
      p99Ms: quantile(latencies, 0.99),
    };
  });
}

/** Keeps `inFlight` operations going for `forMs`, each begun when the one before it has ended. */
export async function closedLoop(
  inFlight: number,
  forMs: number,
  operation: (slot: number) => Promise<void>,
): Promise<Round> {
  const latenciesMs: number[] = [];
  const beganMs = performance.now();
  const endMs = beganMs + forMs;
  const keepGoing = async (slot: number): Promise<void> => {
    for (let nowMs = performance.now(); nowMs < endMs; ) {
      await operation(slot);
      const doneMs = performance.now();
      latenciesMs.push(doneMs - nowMs);
      nowMs = doneMs;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, slot) => keepGoing(slot)));
  return { perSecond: (latenciesMs.length * 1000) / (performance.now() - beganMs), latenciesMs };
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = Float64Array.from(values).sort();
  return {
    median: quantile(values, 0.5),
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
  };
}

/** The smallest value that at least this share of all values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
