// SPDX-License-Identifier: Apache-2.0
/** Which entries of the log a person wants to see. */

import type { LoggedChange } from "../model/change-log.ts";

export interface ChangeFilter {
  /** Part of the name, of a candidate or of a reason; capitals do not matter. Empty: all. */
  readonly text: string;
  /** Empty: all. */
  readonly namespace: string;
  /** Empty: all. */
  readonly cause: string;
}

/** Newest first. Gaps stay, whatever is asked for: what is missing may have been wanted. */
export function filterChanges(
  changes: readonly LoggedChange[],
  filter: ChangeFilter,
): readonly LoggedChange[] {
  const text = filter.text.trim().toLowerCase();
  return changes.filter((change) => isWanted(change, filter, text)).reverse();
}

function isWanted(change: LoggedChange, { namespace, cause }: ChangeFilter, text: string): boolean {
  if (namespace !== "" && change.namespace !== namespace) return false;
  if (change.kind === "gap") return true;
  if (cause !== "" && change.cause !== cause) return false;
  if (text === "") return true;
  const { name, reason, leaderBefore, leaderAfter } = change;
  const texts = [name, reason, leaderBefore?.id ?? "", leaderAfter?.id ?? ""];
  return texts.some((part) => part.toLowerCase().includes(text));
}
