// SPDX-License-Identifier: Apache-2.0
/** Keeps what clients ask and are answered, and tells of each operation when it has ended. */

import { ElectionError, type View } from "@conclave/client";
import type { Call, Operation, Result, SeenElection } from "../history/operation.ts";

export interface Recorder {
  /** Carries it out and returns what it came to; an error of the SDK is a result. */
  record<T>(begun: Begun, run: () => Promise<T>, resultOf: (value: T) => Result): Promise<Ended<T>>;
  /** Those without an answer so far: of processes that died, above all. */
  open(): readonly Operation[];
}

interface Begun {
  readonly client: string;
  readonly election: string;
  readonly call: Call;
}

interface Ended<T> {
  readonly result: Result;
  readonly value: T | undefined;
}

export function createRecorder(
  nowNs: () => bigint,
  ended: (operation: Operation) => void,
): Recorder {
  const running = new Set<Operation>();
  return {
    async record(begun, run, resultOf) {
      const startNs = nowNs();
      const operation = { ...begun, startNs, endNs: undefined, result: undefined };
      running.add(operation);
      let value: Awaited<ReturnType<typeof run>> | undefined;
      let result: Result;
      try {
        value = await run();
        result = resultOf(value);
      } catch (error) {
        result = failureOf(error);
      }
      running.delete(operation);
      ended({ ...operation, endNs: nowNs(), result });
      return { result, value };
    },
    open: () => [...running],
  };
}

export function seenIn(view: View): SeenElection {
  const { revision, term, leader, queue } = view;
  const leading = leader === null ? [] : [leader.id];
  const candidates = [...leading, ...queue.map(({ id }) => id)];
  return { revision, term, leader: leader?.id, candidates };
}

/** @throws what the SDK may not throw. */
function failureOf(error: unknown): Result {
  if (!(error instanceof ElectionError)) throw error;
  const kind = error.outcome === "not-applied" ? "refused" : "unknown";
  return { kind, code: error.code };
}
