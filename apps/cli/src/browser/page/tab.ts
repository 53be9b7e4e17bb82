// SPDX-License-Identifier: Apache-2.0
/**
 * A candidate in a tab: stands for the election that its address names, counts up a fenced counter
 * while it leads, and looks all the time whether it still does.
 *
 * `?endpoint=URL` (repeated), `election`, `candidate`, `ttl` and `timeout` in ms, `protocol`,
 * `counter=URL`; `timers=minute` and `workers=none` for what some browsers and policies do to pages.
 */

import { connect, type Fence, type Leadership } from "@conclave/client/web";
import { MARK, type Said, type SaidLine } from "./said.ts";

declare global {
  interface Window {
    /** Keeps this page's only thread busy, and looks meanwhile. */
    block(ms: number): void;
    /** Whether an office is held right now. */
    look(): boolean;
  }
}

const LOOK_EVERY_MS = 25;

const query = new URLSearchParams(location.search);
const of = (name: string): string => query.get(name) ?? "";
const documentId = Math.random().toString(36).slice(2);
const held: Leadership[] = [];
const lostTerms = new Set<string>();
let lines = 0;
let lastHeldMs = 0;

// Registered before the client's own listeners: what they would put right shows here.
document.addEventListener("resume", look);
addEventListener("pageshow", look);
addEventListener("unhandledrejection", ({ reason }) => unhandled(reason));
addEventListener("error", ({ error, message }) => unhandled(error ?? message));

// The page's own timers hardly run while another tab is in front.
const ticks = `setInterval(postMessage, ${LOOK_EVERY_MS}, 0)`;
const ticker = new Worker(URL.createObjectURL(new Blob([ticks])));
ticker.addEventListener("message", look);
window.look = look;
if (of("timers") === "minute") slowHiddenTimers();
// As under a policy that allows none; made above, our own goes on.
if (of("workers") === "none") Object.defineProperty(window, "Worker", { value: undefined });

window.block = (ms) => {
  const end = performance.now() + ms;
  while (performance.now() < end) look();
};

try {
  await stand();
} catch (error) {
  say({ kind: "failed", message: told(error) });
}

/** The timers of a page that has been in the back for long run once a minute. */
function slowHiddenTimers(): void {
  const own = window.setTimeout;
  const slowed = (run: () => void, ms: number): number =>
    own(run, document.hidden ? Math.max(ms, 60_000) : ms);
  Object.defineProperty(window, "setTimeout", { value: slowed });
}

async function stand(): Promise<void> {
  const client = await connect({
    endpoints: query.getAll("endpoint"),
    protocol: of("protocol") === "grpc-web" ? "grpc-web" : "connect",
    timeoutMs: Number(of("timeout")),
  });
  await client.election(of("election")).serve(work, {
    candidate: of("candidate"),
    ttlMs: Number(of("ttl")),
    onState: (state) => say({ kind: "state", state }),
  });
}

async function work(leadership: Leadership): Promise<void> {
  held.push(leadership);
  look();
  while (!leadership.signal.aborted) {
    try {
      await countUp(leadership.assertHeld());
    } catch {
      // Offline, refused, or no longer in office: the next turn asks again.
    }
    await new Promise((resolve) => ticker.addEventListener("message", resolve, { once: true }));
  }
}

async function countUp({ election, term }: Fence): Promise<void> {
  const url = `${of("counter")}/?election=${election}&term=${term}`;
  const read = await fetch(url);
  if (!read.ok) return;
  const value = Number(await read.text()) + 1;
  const written = await fetch(`${url}&value=${value}`);
  if (written.ok) say({ kind: "wrote", term: `${term}`, value });
}

/** Leaderships that are over are asked as well: none may come back. */
function look(): boolean {
  return held.map(holds).includes(true);
}

function holds(leadership: Leadership): boolean {
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
}

/** Where it looks in a tight loop, a console could not follow. */
function sayHeld(term: string): void {
  if (Date.now() < lastHeldMs + LOOK_EVERY_MS / 2) return;
  lastHeldMs = Date.now();
  say({ kind: "held", term });
}

function unhandled(reason: unknown): void {
  say({ kind: "unhandled", message: told(reason) });
}

function told(error: unknown): string {
  const code = error instanceof Error && "code" in error ? `${String(error.code)}: ` : "";
  return code + (error instanceof Error ? error.message : String(error));
}

function say(said: Said): void {
  const line: SaidLine = { document: documentId, number: lines, atMs: Date.now(), said };
  lines += 1;
  console.log(MARK + JSON.stringify(line));
}
