// SPDX-License-Identifier: Apache-2.0
/** The client over any runtime: puts the parts together and takes them apart again. */

import type { AttachmentsContext } from "./attachments.ts";
import { checkName, checkTtl } from "./campaign-options.ts";
import { ClusterPin } from "./cluster-pin.ts";
import { createDeferred } from "./deferred.ts";
import { DialPace } from "./dial-pace.ts";
import type { Client, ClientState, ConnectOptions, Election, Elections } from "./election.ts";
import { createElections, type ElectionsParts } from "./elections.ts";
import { Endpoints } from "./endpoints.ts";
import { ElectionError } from "./error.ts";
import { homeOf } from "./home.ts";
import type { Runtime } from "./link.ts";
import { PlainChannel } from "./plain-channel.ts";
import { Sessions } from "./sessions.ts";
import { Topology } from "./topology.ts";
import { orAborted, Turnstile } from "./turnstile.ts";

const DEFAULT_TTL_MS = 10_000;
const DEFAULT_CONNECT_MS = 5_000;

/** What of `ConnectOptions` is the core's business; the rest has gone into the runtime's link. */
export type ClientOptions = Omit<ConnectOptions, "token">;

/**
 * Resolves when a node has let us in; throws DENIED as soon as every endpoint has refused to, else TIMEOUT,
 * OTHER_CLUSTER, ABORTED or INVALID.
 */
export async function createClient(runtime: Runtime, options: ClientOptions): Promise<Client> {
  const client = connecting(runtime, options);
  try {
    await client.firstAnswer(options.timeoutMs ?? DEFAULT_CONNECT_MS, options.signal);
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}

/** The runtime is ours from the beginning: it may listen to its page before anybody has connected. */
function connecting(runtime: Runtime, options: ClientOptions): ConnectedClient {
  try {
    checkConnect(options);
    return new ConnectedClient(runtime, options);
  } catch (error) {
    runtime.link.close();
    throw error;
  }
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
  readonly #parts: ElectionsParts;
  /** Of the namespace that it was connected for. */
  readonly #elections: Elections;
  readonly #attached = createDeferred<void>();
  readonly #leavePage: (() => void) | undefined;
  #lastFailure: unknown;
  /** By endpoint: of those that have answered last, and do not let us in. */
  readonly #refusals = new Map<string, ElectionError>();
  #closed: Promise<void> | undefined;

  constructor(runtime: Runtime, options: ClientOptions) {
    this.#runtime = runtime;
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
      failed: (cause, url) => {
        this.#lastFailure = cause;
        this.#refusals.delete(url);
        if (!(cause instanceof ElectionError) || cause.code !== "DENIED") return;
        this.#refusals.set(url, cause);
        // Whoever is left might let us in; when nobody is, waiting changes nothing.
        if (this.#refusals.size >= endpoints.count) this.#attached.reject(cause);
      },
    };
    this.#sessions = new Sessions(context);
    this.#channel = new PlainChannel(context, () => {
      if (this.#channel.isAttached) this.#attached.resolve();
    });
    this.#parts = {
      requests: {
        runtime,
        channel: this.#channel,
        homeOf: homeOfName,
        closing,
        lastFailure: () => this.#lastFailure,
      },
      campaigns: {
        runtime,
        sessions: this.#sessions,
        turnstile: new Turnstile(),
        defaultCandidate: defaultCandidate(runtime),
        defaultTtlMs: options.sessionTtlMs ?? DEFAULT_TTL_MS,
        homeOf: homeOfName,
        closing,
        resignations: new Set(),
      },
    };
    this.#elections = this.namespace(options.namespace ?? "default");
    this.#leavePage = runtime.page?.listen({
      interrupted: () => this.#sessions.interrupted(),
      departing: () => void this.#sessions.close(),
    });
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

  namespace(name: string): Elections {
    return createElections(this.#parts, name);
  }

  election(name: string): Election {
    return this.#elections.election(name);
  }

  list(...args: Parameters<Elections["list"]>): ReturnType<Elections["list"]> {
    return this.#elections.list(...args);
  }

  watch(...args: Parameters<Elections["watch"]>): ReturnType<Elections["watch"]> {
    return this.#elections.watch(...args);
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
    await Promise.all(this.#parts.campaigns.resignations);
    await this.#sessions.close();
    this.#channel.close();
    this.#leavePage?.();
    this.#runtime.link.close();
  }

  #noAnswer(timeoutMs: number): ElectionError {
    const [refusal] = this.#refusals.values();
    const cause = refusal ?? this.#lastFailure;
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
