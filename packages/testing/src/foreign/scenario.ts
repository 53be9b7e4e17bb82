// SPDX-License-Identifier: Apache-2.0
/**
 * What the tests of the original clients assert, step by step, as data; and the one who plays it in
 * any dialect. Each step is one call of one of three candidates; one of them watches.
 */

import type { Dialect, DialectClient, Seen, SteerVerb, Watch } from "./dialect-client.ts";

/** Also what another language reads: plain values only. */
export interface Step {
  /** Whose call it is. */
  readonly who: Who;
  readonly does: "create" | "watch" | "get" | "enter" | "close" | "delete" | SteerVerb;
  /** Whom a verb is about. Undefined: the caller. */
  readonly whom?: Who;
  /** What the call answers. Undefined: that it is done. */
  readonly answers?: State;
  /** What the watcher is told because of it. */
  readonly tells?: State;
  /** The gRPC code that it fails with. */
  readonly fails?: number;
}

type Who = 1 | 2 | 3;

interface State {
  readonly term: number;
  /** Everybody, the leader first. */
  readonly list: readonly Who[];
}

const at = (term: number, ...list: readonly Who[]): State => ({ term, list });
const both = (term: number, ...list: readonly Who[]): Pick<Step, "answers" | "tells"> => ({
  answers: at(term, ...list),
  tells: at(term, ...list),
});

/** Every dialect with elections plays these: three candidates on sessions of their own. */
export const ELECTION_STEPS: readonly Step[] = [
  { who: 1, does: "create" },
  { who: 2, does: "create" },
  { who: 3, does: "create" },
  { who: 1, does: "watch" },
  { who: 1, does: "get", answers: at(0) },
  { who: 1, does: "enter", ...both(1, 1) },
  { who: 2, does: "enter", ...both(1, 1, 2) },
  { who: 3, does: "enter", ...both(1, 1, 2, 3) },
  { who: 3, does: "promote", ...both(1, 1, 3, 2) },
  { who: 3, does: "promote", ...both(2, 3, 1, 2) },
  { who: 2, does: "anoint", ...both(3, 2, 3, 1) },
  { who: 2, does: "withdraw", ...both(4, 3, 1) },
  { who: 3, does: "evict", ...both(5, 1) },
  { who: 2, does: "enter", ...both(5, 1, 2) },
  { who: 1, does: "anoint", whom: 2, ...both(6, 2, 1) },
  { who: 2, does: "close", tells: at(7, 1) },
  { who: 1, does: "close" },
  { who: 3, does: "close" },
  { who: 1, does: "create" },
  { who: 2, does: "create" },
  { who: 1, does: "get", answers: at(7) },
  { who: 1, does: "close" },
];

/** Behind them where the dialect can delete: what comes after begins anew for whoever asks. */
export const DELETE_STEPS: readonly Step[] = [
  { who: 1, does: "delete" },
  { who: 2, does: "delete" },
  { who: 3, does: "create" },
  { who: 3, does: "get", answers: at(0) },
];

/** Latches, whose clients join and leave and do no more. */
export const LATCH_STEPS: readonly Step[] = [
  { who: 1, does: "create" },
  { who: 2, does: "create" },
  { who: 3, does: "create" },
  { who: 3, does: "watch" },
  { who: 1, does: "get", answers: at(0) },
  { who: 1, does: "enter", ...both(1, 1) },
  { who: 2, does: "enter", ...both(1, 1, 2) },
  { who: 3, does: "enter", ...both(1, 1, 2, 3) },
  { who: 1, does: "close", tells: at(2, 2, 3) },
  { who: 2, does: "close", tells: at(3, 3) },
  { who: 3, does: "close" },
  { who: 1, does: "create" },
  { who: 2, does: "create" },
  { who: 1, does: "get", answers: at(3) },
  { who: 1, does: "close" },
  { who: 1, does: "delete" },
  { who: 2, does: "delete", fails: 5 },
  { who: 3, does: "create" },
  { who: 3, does: "get", answers: at(0) },
];

export interface Performance {
  readonly dialect: Dialect;
  readonly primitive: string;
  /** Of three nodes: each candidate has one of its own. */
  readonly endpoints: readonly string[];
  /** Done between every two steps. */
  readonly between: () => Promise<void>;
}

/** One line for each call and each event, with what was seen: what `script` says they should be. */
export async function play(steps: readonly Step[], performance: Performance): Promise<string[]> {
  const { dialect, primitive, endpoints, between } = performance;
  const clients: DialectClient[] = [];
  for (const [i, endpoint] of endpoints.entries()) {
    clients.push(await dialect.open({ endpoint, primitive, candidate: `c${i + 1}` }));
  }
  const lines: string[] = [];
  let watch: Watch | undefined;
  for (const step of steps) {
    const client = clients[step.who - 1]!;
    if (step.does === "watch") {
      watch = await client.watch();
      lines.push(titleOf(step));
    } else {
      lines.push(`${titleOf(step)}: ${await outcomeOf(client, step)}`);
    }
    if (step.tells !== undefined) lines.push(`  told: ${textOf(await watch!.next())}`);
    // As the originals do by a timer: what came is acknowledged, so that the server forgets it.
    for (const one of clients) await one.keepAlive();
    await between();
  }
  for (const client of clients) await client.quit();
  return lines;
}

/** What `play` returns when all is as the original tests say. */
export function script(steps: readonly Step[], dialect: Dialect): string[] {
  return steps.flatMap((step) => {
    if (step.does === "watch") return [titleOf(step)];
    const { answers, tells, fails } = step;
    const outcome = answers && textOf(published(answers, dialect, true));
    const lines = [
      `${titleOf(step)}: ${fails === undefined ? (outcome ?? "done") : `code ${fails}`}`,
    ];
    if (tells === undefined) return lines;
    return [...lines, `  told: ${textOf(published(tells, dialect, dialect.hasTermInEvents))}`];
  });
}

function titleOf({ who, does, whom = who }: Step): string {
  return `c${who} ${does} c${whom}`;
}

async function outcomeOf(client: DialectClient, step: Step): Promise<string> {
  try {
    return await perform(client, step);
  } catch (thrown) {
    const { code } = thrown as { readonly code?: unknown };
    if (step.fails === undefined || code === undefined) throw thrown;
    return `code ${String(code)}`;
  }
}

async function perform(client: DialectClient, { does, who, whom = who }: Step): Promise<string> {
  switch (does) {
    case "create":
    case "close":
    case "delete":
      await client[does]();
      return "done";
    case "get":
    case "enter":
      return textOf(await client[does]());
    case "watch":
      throw new Error("a watch has no outcome");
    default:
      return textOf(await client.steer(does, `c${whom}`));
  }
}

function published({ term, list }: State, dialect: Dialect, hasTerm: boolean): Seen {
  const names = list.map((who) => `c${who}`);
  return {
    term: hasTerm ? BigInt(term) : undefined,
    leader: names[0] ?? "",
    list: dialect.isLeaderFirst ? names : names.slice(1),
  };
}

function textOf({ term, leader, list }: Seen): string {
  return `${term ?? "-"} ${leader || "nobody"} [${list.join(" ")}]`;
}
