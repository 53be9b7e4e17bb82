// SPDX-License-Identifier: Apache-2.0
/** How an election stands, by a drawing and a word; the colour only repeats them. */

import type { VNode } from "preact";
import type { ElectionState } from "../model/election-row.ts";
import { Badge } from "./badge.tsx";
import { Icon } from "./icon.tsx";

const WORDS: Readonly<Record<ElectionState, string>> = {
  vacant: "Vacant",
  alone: "No standby",
  led: "Led",
};

const TONES = { vacant: "bad", alone: "warn", led: "good" } as const;

export function StateBadge({ state }: { readonly state: ElectionState }): VNode {
  return (
    <Badge tone={TONES[state]}>
      <Icon name={state} />
      {WORDS[state]}
    </Badge>
  );
}
