// SPDX-License-Identifier: Apache-2.0
/** Asks every partition for the sessions that are registered on it. */

import type { ClusterAdmin } from "@conclave/client/cluster";
import type { Registration } from "./session-rows.ts";

export interface SessionsRead {
  readonly registrations: readonly Registration[];
  /** Partitions that have more than were read. */
  readonly truncated: readonly number[];
  /** Partitions that gave no answer: what is shown is without theirs. */
  readonly silent: readonly number[];
}

type Asked = Pick<ClusterAdmin, "status" | "sessions">;

/**
 * @param instance only that one; empty: all
 * @param max of one partition; reading more again and again would burden the cluster
 * @throws ElectionError where no partition answers
 */
export async function readSessions(
  cluster: Asked,
  instance: string,
  max: number,
): Promise<SessionsRead> {
  const { partitions } = await cluster.status();
  const numbers = partitions.map(({ partition }) => partition);
  const answers = await Promise.allSettled(numbers.map((n) => readOne(cluster, n, instance, max)));
  const failed = answers.filter((answer) => answer.status === "rejected");
  if (failed[0] !== undefined && failed.length === answers.length) throw failed[0].reason;
  const told = answers.map((answer) => (answer.status === "fulfilled" ? answer.value : undefined));
  return {
    registrations: told.flatMap((registrations) => registrations?.slice(0, max) ?? []),
    truncated: numbers.filter((_, i) => (told[i]?.length ?? 0) > max),
    silent: numbers.filter((_, i) => told[i] === undefined),
  };
}

/** One more than is asked for, where there are more. */
async function readOne(
  cluster: Asked,
  partition: number,
  instance: string,
  max: number,
): Promise<readonly Registration[]> {
  const read: Registration[] = [];
  const filter = instance === "" ? {} : { instance };
  for await (const session of cluster.sessions(partition, filter)) {
    read.push({ ...session, partition });
    if (read.length > max) break;
  }
  return read;
}
