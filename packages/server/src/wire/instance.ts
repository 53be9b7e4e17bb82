// SPDX-License-Identifier: Apache-2.0
/**
 * How a session is shown: the first 8 bytes of the SHA-256 of its id, in hex. The id itself is a bearer
 * secret and never leaves in a view.
 */

import type { SessionId } from "@conclave/fsm";
import { sha256 } from "@noble/hashes/sha2.js";

/** Hashing takes longer than all else about a view; most views show sessions that were shown before. */
const CACHED_MAX = 65_536;

const cached = new Map<SessionId, string>();

/** The id is hashed as 8 bytes, big-endian. */
export function instanceOf(sessionId: SessionId): string {
  const known = cached.get(sessionId);
  if (known !== undefined) return known;
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, sessionId);
  let text = "";
  for (const byte of sha256(bytes).subarray(0, 8)) text += byte.toString(16).padStart(2, "0");
  if (cached.size >= CACHED_MAX) forgetOldest();
  cached.set(sessionId, text);
  return text;
}

function forgetOldest(): void {
  const [oldest] = cached.keys();
  if (oldest !== undefined) cached.delete(oldest);
}
