// SPDX-License-Identifier: Apache-2.0
/**
 * A process group as a whole: signal it, ask whether anything in it still runs.
 *
 * A program that leaves its group (a daemon that calls setsid) is out of reach of both, which the
 * help of `conclave run` says.
 */

import { readdirSync, readFileSync } from "node:fs";

export type Delivery = "sent" | "gone" | "refused";

/** Sends a signal to every process of the group. `refused`: they run as another user. */
export function signalGroup(group: number, signal: NodeJS.Signals): Delivery {
  try {
    process.kill(-group, signal);
    return "sent";
  } catch (error) {
    return isErrno(error, "ESRCH") ? "gone" : "refused";
  }
}

/**
 * Whether a process of the group can still act. The dead that nobody has collected do not count:
 * in many containers process 1 never collects orphans, and waiting for it would be for ever.
 */
export function isGroupAlive(group: number): boolean {
  try {
    process.kill(-group, 0);
  } catch (error) {
    return !isErrno(error, "ESRCH");
  }
  return process.platform === "linux" ? hasRunningMember(group) : true;
}

function hasRunningMember(group: number): boolean {
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = readStat(entry);
    if (stat !== undefined && stat.group === group && !stat.isDead) return true;
  }
  return false;
}

/** The program's name, in parentheses, may hold anything; fields are counted from its end. */
function readStat(pid: string): { readonly group: number; readonly isDead: boolean } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { group: Number(fields[2]), isDead: fields[0] === "Z" || fields[0] === "X" };
  } catch {
    // It ended between the listing and the reading.
    return undefined;
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
