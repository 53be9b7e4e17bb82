// SPDX-License-Identifier: Apache-2.0
/** Options are checked at the door: partial in, complete out, every fault named at once. */

import type { CampaignOptions } from "./election.ts";
import { ElectionError } from "./error.ts";
import type { LeaseTimes } from "./leases.ts";

const TTL_MS_MIN = 500;
const TTL_MS_MAX = 24 * 60 * 60 * 1000;
const NAME_BYTES_MAX = 256;
const METADATA_BYTES_MAX = 4 * 1024;

export interface CampaignPlan {
  readonly candidate: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly times: LeaseTimes;
  readonly takeover: boolean;
  readonly drainMs: number;
  readonly options: CampaignOptions;
}

export interface CampaignDefaults {
  readonly candidate: string;
  readonly ttlMs: number;
}

/** @throws ElectionError INVALID, naming every option that is out of its bounds. */
export function planCampaign(options: CampaignOptions, defaults: CampaignDefaults): CampaignPlan {
  const ttlMs = options.ttlMs ?? defaults.ttlMs;
  const graceMs = options.graceMs ?? 0;
  const drainMs = options.drainMs ?? ttlMs / 4;
  const candidate = options.candidate ?? defaults.candidate;
  const metadata = { ...options.metadata };
  refuse([
    ...nameFaults("candidate", candidate),
    ...metadataFaults(metadata),
    ...rangeFaults("ttlMs", ttlMs, TTL_MS_MIN, TTL_MS_MAX),
    ...rangeFaults("graceMs", graceMs, 0, ttlMs),
    ...rangeFaults("drainMs", drainMs, 0, TTL_MS_MAX),
  ]);
  const takeover = options.takeover ?? false;
  return { candidate, metadata, times: { ttlMs, graceMs }, takeover, drainMs, options };
}

/** @throws ElectionError INVALID */
export function checkMetadata(metadata: Readonly<Record<string, string>>): void {
  refuse(metadataFaults(metadata));
}

/** @throws ElectionError INVALID */
export function checkName(what: string, name: string): void {
  refuse(nameFaults(what, name));
}

/** @throws ElectionError INVALID */
export function checkTtl(what: string, ttlMs: number): void {
  refuse(rangeFaults(what, ttlMs, TTL_MS_MIN, TTL_MS_MAX));
}

/**
 * One frame carries the commands of many callers: a number that its encoding refuses would take
 * theirs down with it, so it is refused here.
 *
 * @throws ElectionError INVALID
 */
export function checkUint64(what: string, value: bigint): void {
  const isFit = typeof value === "bigint" && value >= 0n && value < 1n << 64n;
  refuse(isFit ? [] : [`${what} is a bigint of 0 to 2^64 - 1, not ${value}`]);
}

function refuse(faults: readonly string[]): void {
  if (faults.length === 0) return;
  throw new ElectionError("INVALID", faults.join("; "), { outcome: "not-applied" });
}

function nameFaults(what: string, name: string): string[] {
  const bytes = new TextEncoder().encode(name).length;
  const isFit = bytes >= 1 && bytes <= NAME_BYTES_MAX && !/[\p{Cc}\p{Cs}]/u.test(name);
  if (isFit) return [];
  return [`${what} is 1 to ${NAME_BYTES_MAX} bytes of UTF-8 without control characters`];
}

function metadataFaults(metadata: Readonly<Record<string, string>>): string[] {
  let bytes = 0;
  for (const [key, value] of Object.entries(metadata)) {
    bytes += new TextEncoder().encode(key + value).length;
  }
  return bytes <= METADATA_BYTES_MAX
    ? []
    : [`metadata has ${bytes} of ${METADATA_BYTES_MAX} bytes`];
}

function rangeFaults(what: string, value: number, min: number, max: number): string[] {
  if (Number.isFinite(value) && value >= min && value <= max) return [];
  return [`${what} is ${min} to ${max}, not ${value}`];
}
