// SPDX-License-Identifier: Apache-2.0
/**
 * What remains of a session's lease unless it is renewed, as the leader of the election's partition
 * counts it. Asked for once a second while the page is seen.
 */

import { homeOf, type SessionInfo } from "@conclave/client/cluster";
import type { VNode } from "preact";
import { useRef } from "preact/hooks";
import type { App } from "../model/app.ts";
import { usePoll } from "../ui/use-poll.ts";

const EVERY_MS = 1_000;

export function LeaseBar(props: {
  readonly app: App;
  readonly election: string;
  readonly instance: string;
}): VNode {
  const { app, election, instance } = props;
  // The number of partitions never changes.
  const partitionCount = useRef<number | undefined>(undefined);
  const { value, failure } = usePoll(`${election} ${instance}`, EVERY_MS, async () => {
    partitionCount.current ??= (await app.cluster.status()).partitions.length;
    return leaseOf(app, homeOf(election, partitionCount.current), instance);
  });
  if (value === undefined) {
    const why = failure === undefined ? "asking …" : "not known at the moment";
    return <span class="muted">{why}</span>;
  }
  if (value === null) return <span class="muted">not known</span>;
  return <RemainingBar session={value} isOld={failure !== undefined} />;
}

/** Null: the partition's leader does not know the session, or not any more. */
async function leaseOf(app: App, partition: number, instance: string): Promise<SessionInfo | null> {
  for await (const session of app.cluster.sessions(partition, { instance })) return session;
  return null;
}

export function RemainingBar(props: {
  readonly session: Pick<SessionInfo, "remainingMs" | "ttlMs">;
  readonly isOld?: boolean;
}): VNode {
  const { remainingMs, ttlMs } = props.session;
  const text = `${secondsText(remainingMs)} of ${lengthText(ttlMs)} left`;
  return (
    <span class={props.isOld ? "lease lease-old" : "lease"}>
      <progress max={ttlMs} value={Math.max(0, remainingMs)} aria-label="Remaining lease" />
      <span class="number">{props.isOld ? `${text}, as last heard` : text}</span>
    </span>
  );
}

/** `4.2 s`, of something that runs down; whole seconds from a minute on. */
export function secondsText(ms: number): string {
  return `${(Math.max(0, ms) / 1_000).toFixed(ms < 60_000 ? 1 : 0)} s`;
}

/** `5 s`, of something that stays. */
export function lengthText(ms: number): string {
  return `${ms / 1_000} s`;
}
