// SPDX-License-Identifier: Apache-2.0
/** Many runs, several at once, up to the first that fails. Pure: what runs them is given. */

import type { RunReport } from "./job.ts";

export interface SweepOptions<J> {
  readonly jobs: readonly J[];
  readonly run: (job: J) => Promise<RunReport>;
  readonly atOnce: number;
  /** Once true, nothing more is begun. */
  readonly isSpent: () => boolean;
  readonly onReport?: (job: J, report: RunReport) => void;
}

export interface SweepResult<J> {
  readonly runs: number;
  readonly simulatedMs: number;
  /** The first in the order of the jobs, whichever was found first. */
  readonly failure:
    | { readonly index: number; readonly job: J; readonly report: RunReport }
    | undefined;
}

export async function sweep<J>(options: SweepOptions<J>): Promise<SweepResult<J>> {
  const { jobs, run, atOnce, isSpent, onReport } = options;
  let next = 0;
  let runs = 0;
  let simulatedMs = 0;
  let failure: SweepResult<J>["failure"];

  const work = async (): Promise<void> => {
    while (next < (failure?.index ?? jobs.length) && !isSpent()) {
      const index = next++;
      const job = jobs[index]!;
      const report = await run(job);
      runs += 1;
      simulatedMs += report.simulatedMs;
      onReport?.(job, report);
      const isFirst = index < (failure?.index ?? jobs.length);
      if (report.violation !== undefined && isFirst) failure = { index, job, report };
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return { runs, simulatedMs, failure };
}
