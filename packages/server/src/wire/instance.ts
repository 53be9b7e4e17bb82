// SPDX-License-Identifier: Apache-2.0
/**
 * How a session is shown: the first 8 bytes of the SHA-256 of its id, in hex. The id itself is a bearer
 * secret and never leaves in a view.
 */

import type { SessionId } from "@conclave/fsm";
import { sha256 } from "@noble/hashes/sha2.js";

/** Hashing takes longer than all else about a view; most views show sessions that were shown before. */
const CACHED_MAX = 65_536;

/**
 * Two generations of half the size: one that was not asked for while the other filled up is forgotten.
 * To take the oldest out of one map, again and again, costs a walk past all that was taken before.
 */
let recent = new Map<SessionId, string>();
let earlier = new Map<SessionId, string>();

/** The id is hashed as 8 bytes, big-endian. */
export function instanceOf(sessionId: SessionId): string {
  const known = recent.get(sessionId);
  if (known !== undefined) return known;
  const text = earlier.get(sessionId) ?? hashOf(sessionId);
  if (recent.size >= CACHED_MAX / 2) {
    earlier = recent;
    recent = new Map();
  }
  recent.set(sessionId, text);
  return text;
}

function hashOf(sessionId: SessionId): string {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, sessionId);
  let text = "";
  for (const byte of sha256(bytes).subarray(0, 8)) text += byte.toString(16).padStart(2, "0");
  return text;
}
