// SPDX-License-Identifier: Apache-2.0
/**
 * The surface of one election and of the client. Types only, so that the networked client and the
 * in-memory twin promise the same.
 */

import type { Leadership } from "./leadership.ts";
import type { Change, View, WatchOptions } from "./view.ts";

/** `suspended`: in office or in line as far as known, but without the server's confirmation. */
export type CampaignState = "connecting" | "queued" | "leading" | "suspended";

export interface CampaignOptions {
  /**
   * The candidate's name, unique in the election. Default: host, pid and a random part, so that two
   * processes never share one. A name that another session holds is waited for.
   */
  readonly candidate?: string;
  /** Shown to everybody; at most 4 KiB. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** How long the server waits for a silent process: 500 ms to 24 h. Default 10 s, or `sessionTtlMs`. */
  readonly ttlMs?: number;
  /**
   * When this process's side ends the connection, the office falls this much later instead of after
   * the TTL. Default 0, off: a proxy that resets connections would otherwise cost leaderships.
   */
  readonly graceMs?: number;
  /** Takes the candidacy over when another session holds the name. Default false: wait for it. */
  readonly takeover?: boolean;
  /**
   * How long a resignation waits, after `signal` has been aborted, for `work` to settle before the
   * candidate is withdrawn all the same; the office is held, and renewed, meanwhile. In `lead` and
   * `serve` only. Default: a quarter of the TTL.
   */
  readonly drainMs?: number;
  /** Ends the campaign: cancels waiting; in `lead` and `serve` also resigns the office held. */
  readonly signal?: AbortSignal;
  readonly onState?: (state: CampaignState) => void;
  /**
   * Called when the moment until which the office is believed in has moved, with what remains, on a
   * running leadership only. For guards that live outside this process.
   */
  readonly onDeadline?: (remainingMs: number) => void;
}

export interface ReadOptions {
  /** `linearizable` (default) asks the partition's leader; `stale` any replica, at once. */
  readonly read?: "linearizable" | "stale";
  readonly signal?: AbortSignal;
}

export interface AdminOptions {
  /** Refused with CONFLICT unless the election is at this revision. */
  readonly revision?: bigint;
  /** Kept with the change and shown to watchers; at most 256 bytes. */
  readonly reason?: string;
  /** Makes a retry idempotent across calls and processes. Default: random, for this call's retries. */
  readonly requestId?: string;
  readonly signal?: AbortSignal;
}

/** An operator's verbs. Each answers with the state after it; unknown candidates are NOT_FOUND. */
export interface ElectionAdmin {
  /** Makes the candidate lead; the old leader becomes second. */
  anoint(candidate: string, options?: AdminOptions): Promise<View>;
  /** Moves the candidate one place towards the front. */
  promote(candidate: string, options?: AdminOptions): Promise<View>;
  /** Moves the candidate one place towards the end. */
  demote(candidate: string, options?: AdminOptions): Promise<View>;
  /** Takes the candidate out, whoever holds it. */
  evict(candidate: string, options?: AdminOptions): Promise<View>;
  /** Removes the election with all its candidates; its terms are never issued again. */
  delete(options?: AdminOptions): Promise<void>;
}

/** Whether a term holds office. Only `current` is a yes, and true only at `revision`. */
export interface FenceCheck {
  readonly status: "current" | "vacant" | "superseded" | "unknown";
  /** The highest term issued so far. */
  readonly term: bigint;
  readonly revision: bigint;
}

export interface Election {
  readonly name: string;
  /**
   * Waits for office, runs `work` once and resigns when it settles; returns what it returned. When
   * the office is lost meanwhile, `work` is still awaited and the loss is thrown.
   */
  lead<T>(work: (leadership: Leadership) => Promise<T>, options?: CampaignOptions): Promise<T>;
  /**
   * Runs `work` each time this candidate leads, until `signal` is aborted or the client is closed;
   * then it resolves. Enters again after a loss and when `work` returns, after an eviction once a TTL
   * has passed. Two runs never overlap: a loss is followed by the next run only when `work` has
   * settled. What `work` throws while in office is thrown.
   */
  serve(work: (leadership: Leadership) => Promise<void>, options?: CampaignOptions): Promise<void>;
  /** Waits for office; the caller resigns, or lets `await using` do it. `signal` ends the waiting only. */
  campaign(options?: CampaignOptions): Promise<Leadership>;
  /** The state, then every change. Rides out reconnects; ends with a typed error, or quietly on abort. */
  watch(options?: WatchOptions): AsyncIterable<Change>;
  get(options?: ReadOptions): Promise<View>;
  checkFence(term: bigint, options?: { readonly signal?: AbortSignal }): Promise<FenceCheck>;
  readonly admin: ElectionAdmin;
}

export interface ListOptions {
  /** Only elections without a leader. */
  readonly vacant?: boolean;
  readonly signal?: AbortSignal;
}

/** `suspended`: no endpoint is connected at the moment; leaderships live on until their deadlines. */
export type ClientState = "connected" | "suspended" | "closed";

/** The elections of one namespace. */
export interface Elections {
  /** A handle; nothing is asked of the server until it is used. */
  election(name: string): Election;
  /** All elections whose name begins with `prefix`, in the order of their names. */
  list(prefix?: string, options?: ListOptions): AsyncIterable<View>;
  /** All elections whose name begins with `prefix`: their states, then every change of any of them. */
  watch(prefix: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<Change>;
}

/** Its own elections are those of the namespace that it was connected for. */
export interface Client extends Elections, AsyncDisposable {
  readonly state: ClientState;
  /** The elections of another namespace, over the same connection and sessions. */
  namespace(name: string): Elections;
  /** Resigns every office, ends the sessions and the connections. Safe to call twice. */
  close(): Promise<void>;
}

export interface ConnectOptions {
  /** `http://` or `https://` URLs of any nodes of one cluster; they are tried in random order. */
  readonly endpoints: readonly string[];
  /** Called for each new connection, so that short-lived credentials stay fresh. */
  readonly token?: () => Promise<string>;
  /** Of `client.election`, `list` and `watch`. Default `default`. */
  readonly namespace?: string;
  /** The TTL of campaigns that name none. Default 10 s: rides out a server's fail-over many times. */
  readonly sessionTtlMs?: number;
  /** How long to try for a first answer before TIMEOUT. Default 5 s; later outages are ridden out. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}
