// SPDX-License-Identifier: Apache-2.0
/**
 * R11, R3: what is committed at an index is the same in every process and for ever, also where it is
 * one of Raft's own entries and nothing is told; and raftTerms do not fall along a log.
 */

import type { Violation } from "../world/observation.ts";
import { broken, lifeKey, lifeText } from "./broken.ts";
import type { Rule } from "./rule.ts";

/** Told of nobody's proposal. */
const RAFTS_OWN = "an entry of Raft's own";

interface Place {
  readonly index: number;
  readonly raftTerm: number;
}

export const logsAgree: Rule = {
  id: "R11",
  begin: () => {
    const logs = new Map<number, string[]>();
    const last = new Map<string, Place>();
    return {
      observe(seen) {
        if (seen.kind !== "committed" && seen.kind !== "restored") return undefined;
        const { server, group } = seen;
        const key = lifeKey(server, group);
        if (seen.kind === "restored") {
          last.set(key, { index: seen.index, raftTerm: seen.raftTerm });
          return undefined;
        }
        const log = logs.get(group) ?? [];
        logs.set(group, log);
        for (const { index, raftTerm, bytes } of seen.entries) {
          const before = last.get(key) ?? { index: 0, raftTerm: 0 };
          last.set(key, { index, raftTerm });
          const where = `${lifeText(server)}, group ${group}`;
          const found =
            agree(log, before.index + 1, index, `${raftTerm} ${hashOf(bytes)}`, where) ??
            fallen(before, { index, raftTerm }, where);
          if (found !== undefined) return found;
        }
        return undefined;
      },
    };
  },
};

/** What lies between two entries that were told is Raft's own, and so for everybody. */
function agree(
  log: string[],
  from: number,
  index: number,
  told: string,
  where: string,
): Violation | undefined {
  for (let at = from; at <= index; at++) {
    const here = at === index ? told : RAFTS_OWN;
    const known = log[at] ?? here;
    log[at] = here;
    if (known !== here) return broken("R11", `${where}: ${at} is ${here}, elsewhere ${known}`);
  }
  return undefined;
}

function fallen(before: Place, now: Place, where: string): Violation | undefined {
  if (now.raftTerm >= before.raftTerm) return undefined;
  const order = `raftTerm ${now.raftTerm} at ${now.index} after ${before.raftTerm}`;
  return broken("R3", `${where}: ${order} at ${before.index}`);
}

/** FNV-1a 32 with the length: two entries at one index do not meet by chance. */
function hashOf(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return `${bytes.length}:${hash >>> 0}`;
}
