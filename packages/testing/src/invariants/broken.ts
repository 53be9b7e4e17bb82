// SPDX-License-Identifier: Apache-2.0
/** How rules say that they are broken, and what they call the things that they speak of. */

import { keyText, type PrimitiveKey } from "@conclave/fsm";
import type { ServerLife, Violation } from "../world/observation.ts";

export function broken(rule: string, message: string): Violation {
  return { rule, message };
}

/** A process: another life of the same directory is another one. */
export function lifeText({ node, life }: ServerLife): string {
  return `node ${node} (life ${life})`;
}

/** A directory through all the lives of its processes. */
export function replicaKey({ node, incarnation }: ServerLife, group: number): string {
  return `${node}/${incarnation}/${group}`;
}

/** A group of one process. */
export function lifeKey({ node, life }: ServerLife, group: number): string {
  return `${node}/${life}/${group}`;
}

/** As users name it: elections of the default namespace by their name alone. */
export function electionOf(key: PrimitiveKey): string {
  const isPlain = key.kind === "election" && key.namespace === "default";
  return isPlain ? key.name : keyText(key);
}
