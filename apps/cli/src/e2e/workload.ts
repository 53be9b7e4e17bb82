// SPDX-License-Identifier: Apache-2.0
/**
 * Clients of a cluster that campaign, lead, steer and watch for as long as a spec has faults, and that
 * record what they are told.
 *
 * Some elections are contended and steered by an operator; in others one candidate holds office for
 * the whole time, and may never lose it to the death of a minority of the servers.
 */

import { setTimeout as delay } from "node:timers/promises";
import { type Client, connect, type Leadership, type View } from "@conclave/client";
import type { History, Office, WatchedElection } from "./history.ts";
import { eventually } from "./processes.ts";

export interface Workload {
  /**
   * Resolves when the cluster has said of each election who leads it now: how many milliseconds that
   * took. Leaders go on through an outage; whether there still is one is known when it is over.
   */
  untilAllLead(): Promise<number>;
  /** Ends it: every candidate resigns, every watcher reads to the end. */
  stop(): Promise<History>;
  /** Ends it where no server will answer any more; what was seen is forgotten. */
  abandon(): Promise<void>;
}

export interface WorkloadOptions {
  /**
   * Default 20 s: an office that is lost then was taken, and not starved by a busy machine. How short
   * a TTL may be is judged on virtual time.
   */
  readonly ttlMs?: number;
  /** Default 0: off. */
  readonly graceMs?: number;
}

const CONTENDED = [
  "work-contended-0",
  "work-contended-1",
  "work-contended-2",
  "work-contended-3",
  "work-contended-4",
];
const HELD = [
  "work-held-0",
  "work-held-1",
  "work-held-2",
  "work-held-3",
  "work-held-4",
  "work-held-5",
];
/** Others may write much where nobody of the workload looks. */
const PREFIX = "work-";
const CANDIDATES = 3;
const WORK_EVERY_MS = 40;
const STEER_EVERY_MS = 120;
/** Of the looks at the clock while in office, those after which a leader has had enough. */
const RESIGN_SHARE = 0.02;

/** Resolves when every election has been led for the first time. */
export async function startWorkload(
  urls: readonly string[],
  options: WorkloadOptions = {},
): Promise<Workload> {
  const reader = await connect({ endpoints: urls });
  const workload = new RunningWorkload(urls, reader, options);
  await workload.start();
  await workload.untilAllLead();
  return workload;
}

class RunningWorkload implements Workload {
  readonly #urls: readonly string[];
  readonly #campaign: { readonly ttlMs: number; readonly graceMs: number };
  readonly #stopping = new AbortController();
  readonly #reader: Client;
  readonly #clients: Client[];
  readonly #candidates: Promise<void>[] = [];
  readonly #watchers: Watcher[] = [];
  readonly #offices: Map<string, Office> = new Map();
  readonly #acknowledged: View[] = [];
  readonly #lost: string[] = [];

  constructor(
    urls: readonly string[],
    reader: Client,
    { ttlMs = 20_000, graceMs = 0 }: WorkloadOptions,
  ) {
    this.#urls = urls;
    this.#reader = reader;
    this.#clients = [reader];
    this.#campaign = { ttlMs, graceMs };
  }

  async start(): Promise<void> {
    for (let i = 0; i < this.#urls.length; i++) {
      const client = await this.#connect();
      this.#watchers.push(watch(i + 1, client));
    }
    for (let i = 0; i < CANDIDATES; i++) {
      const client = await this.#connect();
      for (const election of CONTENDED) this.#candidates.push(this.#contend(client, i, election));
      const held = HELD.filter((_, at) => at % CANDIDATES === i);
      for (const election of held) this.#candidates.push(this.#hold(client, i, election));
    }
    this.#candidates.push(this.#steer(await this.#connect()));
    // So that a fault that comes at once finds something that was acknowledged.
    await eventually(
      "an operator's move is acknowledged",
      async () => this.#acknowledged.length > 0,
    );
  }

  async untilAllLead(): Promise<number> {
    const beganMs = performance.now();
    const hasLeader = async (name: string): Promise<boolean> => {
      const view = await readOnce(this.#reader, name);
      return view !== undefined && view.leader !== null;
    };
    await Promise.all(
      [...CONTENDED, ...HELD].map((name) =>
        eventually(`${name} has a leader`, () => hasLeader(name)),
      ),
    );
    return performance.now() - beganMs;
  }

  async stop(): Promise<History> {
    this.#stopping.abort();
    await Promise.all(this.#candidates);
    const end = await this.#readAll();
    const watched: WatchedElection[] = [];
    for (const watcher of this.#watchers) watched.push(...(await watcher.readTo(end)));
    // Anew, since a withdrawal may have come behind the reading: nothing that was seen is undone by now.
    const final = await this.#readAll();
    await Promise.all(this.#clients.map((client) => client.close()));
    const offices = [...this.#offices.values()];
    return { watched, offices, acknowledged: this.#acknowledged, final, lost: this.#lost };
  }

  async abandon(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  async #readAll(): Promise<readonly View[]> {
    const views: View[] = [];
    for (const election of [...CONTENDED, ...HELD]) {
      views.push(await eventually(`${election} is read`, () => readOnce(this.#reader, election)));
    }
    return views;
  }

  async #connect(): Promise<Client> {
    const client = await connect({ endpoints: this.#urls, timeoutMs: 30_000 });
    this.#clients.push(client);
    return client;
  }

  #contend(client: Client, number: number, election: string): Promise<void> {
    const work = (leadership: Leadership): Promise<void> =>
      this.#lead(leadership, `c${number}`, () => Math.random() < RESIGN_SHARE);
    return this.#serve(client, number, election, work);
  }

  #hold(client: Client, number: number, election: string): Promise<void> {
    return this.#serve(client, number, election, async (leadership) => {
      await this.#lead(leadership, `c${number}`, () => false);
      if (!this.#stopping.signal.aborted) {
        this.#lost.push(`${leadership.fence}: ${leadership.signal.reason}`);
      }
    });
  }

  async #serve(
    client: Client,
    number: number,
    election: string,
    work: (leadership: Leadership) => Promise<void>,
  ): Promise<void> {
    const options = { ...this.#campaign, candidate: `c${number}` };
    await client.election(election).serve(work, { ...options, signal: this.#stopping.signal });
  }

  /** Notes each moment in which the office was surely held, until it is lost or given up. */
  async #lead(leadership: Leadership, candidate: string, isEnough: () => boolean): Promise<void> {
    const { election, term } = leadership.fence;
    while (!leadership.signal.aborted && !isEnough()) {
      if (leadership.remainingMs > 0) {
        // Two that believed in one term would both be kept, under keys of their own.
        this.#offices.set(`${election} ${term} ${candidate}`, { election, term, candidate });
      }
      await delay(WORK_EVERY_MS);
    }
  }

  async #steer(client: Client): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const election = client.election(pick(CONTENDED) ?? "");
      try {
        const signal = this.#stopping.signal;
        const { queue } = await election.get({ signal });
        const candidate = pick(queue)?.id;
        if (candidate !== undefined) {
          const verb = pick(["anoint", "promote", "demote"] as const) ?? "anoint";
          this.#acknowledged.push(await election.admin[verb](candidate, { signal }));
        }
      } catch {
        // What fails is not acknowledged, and nothing is promised of it.
      }
      await delay(STEER_EVERY_MS);
    }
  }
}

function pick<T>(list: readonly T[]): T | undefined {
  return list[Math.floor(Math.random() * list.length)];
}

/** Linearizable. Undefined when it fails, or is not answered within seconds. */
async function readOnce(client: Client, election: string): Promise<View | undefined> {
  try {
    return await client.election(election).get({ signal: AbortSignal.timeout(2_000) });
  } catch {
    return undefined;
  }
}

interface Watcher {
  /** Resolves when all of these have been seen: what was seen until then. */
  readTo(final: readonly View[]): Promise<readonly WatchedElection[]>;
}

function watch(number: number, client: Client): Watcher {
  const views = new Map<string, View[]>();
  const gaps = new Set<string>();
  const ending = new AbortController();
  let failure: unknown;
  const see = (view: View, isSnapshot: boolean): void => {
    const seen = views.get(view.election) ?? [];
    views.set(view.election, seen);
    // The state that a resumed watch begins with is not news where it is what was seen last.
    if (!isSnapshot || seen.at(-1)?.revision !== view.revision) seen.push(view);
  };
  const read = async (): Promise<void> => {
    for await (const change of client.watch(PREFIX, { signal: ending.signal })) {
      if ("view" in change) see(change.view, change.type === "snapshot");
      if (change.type === "gap") gaps.add(`${change.lost}`);
    }
  };
  const reading = read().catch((error: unknown) => {
    failure = error;
  });
  const lastSeen = (election: string): bigint => views.get(election)?.at(-1)?.revision ?? 0n;
  return {
    async readTo(final) {
      const behind = () => final.filter((view) => lastSeen(view.election) < view.revision);
      await eventually(
        `watcher ${number} sees the end`,
        () => behind().length === 0,
        () => `behind: ${behind().map(({ election }) => election)}; ${failure ?? "no failure"}`,
      );
      ending.abort();
      await reading;
      if (failure !== undefined) throw failure;
      return final.map(({ election }) => ({
        watcher: number,
        election,
        views: views.get(election) ?? [],
        hasGap: gaps.size > 0,
      }));
    },
  };
}
