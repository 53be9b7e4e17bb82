// SPDX-License-Identifier: Apache-2.0
/** All questions, in the order in which a run asks them. */

import type { Question } from "./answer.ts";
import { crash } from "./crash.ts";
import { cycles } from "./cycles.ts";
import { fanOut } from "./fan-out.ts";
import { fsmApply } from "./fsm-apply.ts";
import { manyElections } from "./many-elections.ts";
import { nodeKill } from "./node-kill.ts";
import { reads } from "./reads.ts";
import { renewals } from "./renewals.ts";
import { resign } from "./resign.ts";
import { storeAppend } from "./store-append.ts";

export const QUESTIONS: readonly Question[] = [
  fsmApply,
  storeAppend,
  cycles,
  reads,
  crash,
  resign,
  nodeKill,
  fanOut,
  renewals,
  manyElections,
];
