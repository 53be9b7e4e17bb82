// SPDX-License-Identifier: Apache-2.0
/** The client over any runtime: puts the parts together and takes them apart again. */

import type { AttachmentsContext } from "./attachments.ts";
import { type CampaignContext, campaign, lead, serve } from "./campaign.ts";
import { checkName, checkTtl, checkUint64 } from "./campaign-options.ts";
import { ClusterPin } from "./cluster-pin.ts";
import { createDeferred } from "./deferred.ts";
import { DialPace } from "./dial-pace.ts";
import type { Client, ClientState, ConnectOptions, Election } from "./election.ts";
import { Endpoints } from "./endpoints.ts";
import { ElectionError } from "./error.ts";
import { homeOf } from "./home.ts";
import type { Runtime } from "./link.ts";
import { PlainChannel } from "./plain-channel.ts";
import { checkFence, createAdmin, getView, listViews, type RequestContext } from "./requests.ts";
import { Sessions } from "./sessions.ts";
import { Topology } from "./topology.ts";
import { orAborted, Turnstile } from "./turnstile.ts";
import { watchChanges } from "./watching.ts";

const DEFAULT_TTL_MS = 10_000;
const DEFAULT_CONNECT_MS = 5_000;

/** What of `ConnectOptions` is the core's business; the rest has gone into the runtime's link. */
export type ClientOptions = Omit<ConnectOptions, "token">;

/** Resolves when a node has answered; throws TIMEOUT, OTHER_CLUSTER, ABORTED or INVALID otherwise. */
export async function createClient(runtime: Runtime, options: ClientOptions): Promise<Client> {
  checkConnect(options);
  const client = new ConnectedClient(runtime, options);
  try {
    await client.firstAnswer(options.timeoutMs ?? DEFAULT_CONNECT_MS, options.signal);
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}

function checkConnect({ endpoints, namespace, sessionTtlMs, timeoutMs }: ClientOptions): void {
  const invalid = (message: string): ElectionError =>
    new ElectionError("INVALID", message, { outcome: "not-applied" });
  if (endpoints.length === 0) throw invalid("endpoints names at least one URL");
  for (const endpoint of endpoints) {
    if (!/^https?:\/\/[^/]/.test(endpoint) || !URL.canParse(endpoint)) {
      throw invalid(`endpoints: ${endpoint} is no http:// or https:// URL`);
    }
  }
  if (namespace !== undefined) checkName("namespace", namespace);
  if (sessionTtlMs !== undefined) checkTtl("sessionTtlMs", sessionTtlMs);
  if (timeoutMs !== undefined && !(timeoutMs > 0)) throw invalid("timeoutMs is above 0");
}

class ConnectedClient implements Client {
  readonly #runtime: Runtime;
  readonly #closing = new AbortController();
  readonly #pin = new ClusterPin();
  readonly #channel: PlainChannel;
  readonly #sessions: Sessions;
  readonly #campaigns: CampaignContext;
  readonly #requests: RequestContext;
  readonly #attached = createDeferred<void>();
  #lastFailure: unknown;
  #closed: Promise<void> | undefined;

  constructor(runtime: Runtime, options: ClientOptions) {
    this.#runtime = runtime;
    const namespace = options.namespace ?? "default";
    const closing = this.#closing.signal;
    const homeOfName = (election: string): number => homeOf(election, this.#pin.partitionCount);
    const endpoints = new Endpoints(options.endpoints, runtime.prng.child("endpoints"));
    const topology = new Topology();
    topology.onChange(() => endpoints.learn(topology.memberUrls));
    const context: AttachmentsContext = {
      runtime,
      endpoints,
      topology,
      pace: new DialPace(runtime.clock),
      admit: (welcome) => this.#pin.admit(welcome),
      told: (cluster, url) => topology.learn(url, cluster),
      failed: (cause) => {
        this.#lastFailure = cause;
      },
    };
    this.#sessions = new Sessions(context);
    this.#channel = new PlainChannel(context, () => {
      if (this.#channel.isAttached) this.#attached.resolve();
    });
    this.#requests = {
      runtime,
      channel: this.#channel,
      namespace,
      homeOf: homeOfName,
      closing,
      lastFailure: () => this.#lastFailure,
    };
    this.#campaigns = {
      runtime,
      sessions: this.#sessions,
      turnstile: new Turnstile(),
      namespace,
      defaultCandidate: defaultCandidate(runtime),
      defaultTtlMs: options.sessionTtlMs ?? DEFAULT_TTL_MS,
      homeOf: homeOfName,
      closing,
      resignations: new Set(),
    };
  }

  get state(): ClientState {
    if (this.#closed !== undefined) return "closed";
    return this.#channel.isAttached ? "connected" : "suspended";
  }

  async firstAnswer(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const late = createDeferred<never>();
    const cancel = this.#runtime.clock.setTimer(timeoutMs, () =>
      late.reject(this.#noAnswer(timeoutMs)),
    );
    const answer = Promise.race([this.#attached.promise, late.promise]);
    try {
      await (signal === undefined ? answer : orAborted(answer, signal));
    } finally {
      cancel();
    }
  }

  election(name: string): Election {
    checkName("election", name);
    const campaigns = this.#campaigns;
    const requests = this.#requests;
    return {
      name,
      lead: (work, options = {}) => lead(campaigns, name, work, options),
      serve: (work, options = {}) => serve(campaigns, name, work, options),
      campaign: (options = {}) => campaign(campaigns, name, options),
      watch: ({ after, signal } = {}) => {
        if (after !== undefined) checkUint64("after", after);
        return watchChanges(requests, { kind: "election", name, after }, signal);
      },
      get: (options = {}) => getView(requests, name, options),
      checkFence: (term, options = {}) => checkFence(requests, name, term, options),
      admin: createAdmin(requests, name),
    };
  }

  list(prefix = "", options: Parameters<Client["list"]>[1] = {}): ReturnType<Client["list"]> {
    return listViews(this.#requests, prefix, options);
  }

  watch(prefix: string, options: Parameters<Client["watch"]>[1] = {}): ReturnType<Client["watch"]> {
    return watchChanges(this.#requests, { kind: "prefix", prefix }, options.signal);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    // Work is told first and drains; sessions end when it has, with whatever is left in them.
    this.#closing.abort(
      new ElectionError("CLOSED", "the client was closed", { outcome: "not-applied" }),
    );
    await Promise.all(this.#campaigns.resignations);
    await this.#sessions.close();
    this.#channel.close();
    this.#runtime.link.close();
  }

  #noAnswer(timeoutMs: number): ElectionError {
    const cause = this.#lastFailure;
    if (cause instanceof ElectionError && cause.code !== "TIMEOUT") return cause;
    const why = cause instanceof Error ? `: ${cause.message}` : "";
    return new ElectionError("TIMEOUT", `no endpoint answered within ${timeoutMs} ms${why}`, {
      retryable: true,
      outcome: "not-applied",
      cause,
    });
  }
}

/** Two processes never share one: hosts and process ids repeat, in containers above all. */
function defaultCandidate({ processName, prng }: Runtime): string {
  const random = prng.child("candidate").nextUint32().toString(36);
  return `${processName}-${random}`;
}
