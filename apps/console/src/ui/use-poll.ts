// SPDX-License-Identifier: Apache-2.0
/** Asks again and again while somebody looks: not while the page is hidden, nor two questions at once. */

import { ElectionError } from "@conclave/client";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

/** The last answer stays while a later question fails: `failure` says that it is old, and why. */
export interface Polled<T> {
  readonly value: T | undefined;
  readonly failure: string | undefined;
  /** When the value was told, by this page's clock. */
  readonly atMs: number | undefined;
  readonly retry: () => void;
}

type Answer<T> = Omit<Polled<T>, "retry"> & { readonly key: string };

/**
 * @param key what is asked about: another key forgets the last answer
 * @param everyMs from an answer to the next question
 */
export function usePoll<T>(key: string, everyMs: number, ask: () => Promise<T>): Polled<T> {
  const nothing: Answer<T> = { key, value: undefined, failure: undefined, atMs: undefined };
  const [answer, setAnswer] = useState<Answer<T>>(nothing);
  const [attempt, setAttempt] = useState(0);
  const asking = useRef(ask);
  asking.current = ask;
  useEffect(() => poll(key, everyMs, () => asking.current(), setAnswer), [key, everyMs, attempt]);
  const retry = useCallback(() => setAttempt((count) => count + 1), []);
  const { value, failure, atMs } = answer.key === key ? answer : nothing;
  return { value, failure, atMs, retry };
}

type Update<T> = (change: (before: Answer<T>) => Answer<T>) => void;

function poll<T>(
  key: string,
  everyMs: number,
  ask: () => Promise<T>,
  update: Update<T>,
): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isEnded = false;
  let isAsking = false;
  const turn = async (): Promise<void> => {
    if (isEnded || isAsking || document.hidden) return;
    isAsking = true;
    clearTimeout(timer);
    try {
      const value = await ask();
      if (!isEnded) update(() => ({ key, value, failure: undefined, atMs: Date.now() }));
    } catch (thrown) {
      const failure = ElectionError.from(thrown).message;
      const nothing = { value: undefined, atMs: undefined };
      if (!isEnded) update((last) => ({ ...(last.key === key ? last : nothing), key, failure }));
    }
    isAsking = false;
    if (!isEnded) timer = setTimeout(turn, everyMs);
  };
  const seen = (): void => {
    void turn();
  };
  document.addEventListener("visibilitychange", seen);
  void turn();
  return () => {
    isEnded = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", seen);
  };
}
