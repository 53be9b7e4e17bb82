// SPDX-License-Identifier: Apache-2.0
/**
 * A candidate of the browser specs, wherever it runs: stands for the election that its address names,
 * counts up a fenced counter while it leads, and looks whether it still does whenever it is told to.
 *
 * `?endpoint=URL` (repeated), `election`, `candidate`, `ttl` and `timeout` in ms, `protocol`,
 * `counter=URL`; `takeover=yes` takes the name over from whoever holds it.
 */

import { connect, type Fence, type Leadership } from "@conclave/client/web";
import type { Said, SaidLine } from "./said.ts";

export interface Place {
  readonly query: URLSearchParams;
  /** Passes on what the candidate says. */
  tell(line: SaidLine): void;
  /** Resolves a little later, in the background, too. */
  tick(): Promise<unknown>;
}

export interface Candidate {
  /** Ends when it has failed, and says why. */
  stand(): Promise<void>;
  /** Whether an office is held right now. */
  look(): boolean;
}

/** How often a place makes its candidate look. */
export const LOOK_EVERY_MS = 50;

export function createCandidate({ query, tell, tick }: Place): Candidate {
  const of = (name: string): string => query.get(name) ?? "";
  const documentId = Math.random().toString(36).slice(2);
  const held: Leadership[] = [];
  let lines = 0;

  const say = (said: Said): void => {
    tell({ document: documentId, number: lines, atMs: Date.now(), said });
    lines += 1;
  };
  const unhandled = (reason: unknown): void => say({ kind: "unhandled", message: told(reason) });
  addEventListener("unhandledrejection", ({ reason }) => unhandled(reason));
  addEventListener("error", ({ error, message }) => unhandled(error ?? message));

  const holds = createLook(say);
  /** Leaderships that are over are asked as well: none may come back. */
  const look = (): boolean => held.map(holds).includes(true);
  const work = async (leadership: Leadership): Promise<void> => {
    held.push(leadership);
    look();
    while (!leadership.signal.aborted) {
      try {
        const fence = leadership.assertHeld();
        const value = await countUp(of("counter"), fence, leadership.signal);
        if (value !== undefined) say({ kind: "wrote", term: `${fence.term}`, value });
      } catch {
        // Offline, refused, or no longer in office: the next turn asks again.
      }
      await tick();
    }
  };
  return {
    look,
    async stand() {
      try {
        const client = await connect({
          endpoints: query.getAll("endpoint"),
          protocol: of("protocol") === "grpc-web" ? "grpc-web" : "connect",
          timeoutMs: Number(of("timeout")),
        });
        await client.election(of("election")).serve(work, {
          candidate: of("candidate"),
          ttlMs: Number(of("ttl")),
          takeover: of("takeover") === "yes",
          onState: (state) => say({ kind: "state", state }),
        });
      } catch (error) {
        say({ kind: "failed", message: told(error) });
      }
    },
  };
}

/** Asks a leadership whether it is held, and says so. */
function createLook(say: (said: Said) => void): (leadership: Leadership) => boolean {
  const lostTerms = new Set<string>();
  let lastHeldMs = 0;
  /** Where it looks in a tight loop, a console could not follow. */
  const sayHeld = (term: string): void => {
    if (Date.now() < lastHeldMs + LOOK_EVERY_MS / 2) return;
    lastHeldMs = Date.now();
    say({ kind: "held", term });
  };
  return (leadership) => {
    const term = `${leadership.fence.term}`;
    try {
      leadership.assertHeld();
      lostTerms.delete(term);
      sayHeld(term);
      return true;
    } catch (error) {
      if (!lostTerms.has(term)) say({ kind: "lost", term, code: told(error) });
      lostTerms.add(term);
      return false;
    }
  };
}

/** What it has written; nothing when it was refused. */
async function countUp(
  counter: string,
  { election, term }: Fence,
  signal: AbortSignal,
): Promise<number | undefined> {
  const url = `${counter}/?election=${election}&term=${term}`;
  // Of an answer that a page was frozen in the midst of, Chromium may never bring the rest. What is
  // written goes out whatever the signal says: to refuse it is the fence's office.
  const read = await fetch(url, { signal });
  if (!read.ok) return undefined;
  const value = Number(await read.text()) + 1;
  const written = await fetch(`${url}&value=${value}`);
  return written.ok ? value : undefined;
}

function told(error: unknown): string {
  const code = error instanceof Error && "code" in error ? `${String(error.code)}: ` : "";
  return code + (error instanceof Error ? error.message : String(error));
}
