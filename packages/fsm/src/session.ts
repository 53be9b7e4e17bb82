// SPDX-License-Identifier: Apache-2.0
/**
 * One session as a partition keeps it: its options, its candidacies, the answers it has not yet
 * acknowledged and its event streams (semantics A2, A3).
 *
 * It holds no deadline: the leader measures time, and the end of a session is a command.
 */

import { createAnswers } from "./answers.ts";
import type { Metadata } from "./command.ts";
import type { Numbering, Session } from "./records.ts";
import type { SessionId } from "./session-id.ts";

export interface SessionOptions {
  readonly id: SessionId;
  readonly numbering: Numbering;
  readonly ttlMs: number;
  readonly graceMs: number;
  readonly labels: Metadata;
  readonly principal: string;
}

export function createSession(options: SessionOptions): Session {
  return {
    ...options,
    officeRevision: 0n,
    candidacies: new Set(),
    answers: createAnswers(),
    bound: new Map(),
    streams: new Map(),
  };
}
