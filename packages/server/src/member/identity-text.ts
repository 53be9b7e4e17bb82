// SPDX-License-Identifier: Apache-2.0
/**
 * The text of the file in which a data directory says who it is.
 *
 * JSON that a person can read, its last field the checksum of those before.
 */

import { sha256 } from "@noble/hashes/sha2.js";
import { type FormationState, hexOf } from "../wire/introduction.ts";
import type { ListedMember } from "./cluster-id.ts";
import type { NodeIdentity } from "./identity.ts";

export type FoundIdentity =
  | { readonly kind: "found"; readonly identity: NodeIdentity }
  /** A directory that was never used. */
  | { readonly kind: "none" }
  /** It cannot be read back, or is gone while there is a log: nobody knows what was voted here. */
  | { readonly kind: "damaged"; readonly detail: string }
  /** Written by another version. */
  | { readonly kind: "older" | "newer"; readonly detail: string };

export const IDENTITY_FILE = "identity.json";

/** Of the file; the log's files have numbers of their own. 1 was a note that no release has left. */
const FORMAT = 2;

export function encodeIdentity(identity: NodeIdentity): string {
  const content = { format: FORMAT, ...identity };
  return `${JSON.stringify({ ...content, checksum: checksumOf(content) }, null, 2)}\n`;
}

/** What the text of the file says; whatever stands in it, a value. */
export function decodeIdentity(text: string): FoundIdentity {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: "damaged", detail: `${IDENTITY_FILE} is cut short or no JSON` };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { kind: "damaged", detail: `${IDENTITY_FILE} holds no identity` };
  }
  const { checksum, ...content } = value as Record<string, unknown>;
  const { format, ...fields } = content;
  if (format === undefined && typeof fields["clusterId"] === "string" && checksum === undefined) {
    return {
      kind: "older",
      detail: "it was written by an older development version; start with an empty directory",
    };
  }
  // A later version may have another checksum.
  if (typeof format === "number" && format > FORMAT) {
    return { kind: "newer", detail: `${IDENTITY_FILE} has format ${format}` };
  }
  if (checksum !== checksumOf(content)) {
    return { kind: "damaged", detail: `${IDENTITY_FILE} does not match its checksum` };
  }
  if (!isIdentity(fields)) return { kind: "damaged", detail: `${IDENTITY_FILE} lacks a field` };
  return { kind: "found", identity: fields };
}

function checksumOf(content: object): string {
  return hexOf(sha256(new TextEncoder().encode(JSON.stringify(content))));
}

/** The checksum has vouched for the values; this only vouches for the writer. */
function isIdentity(fields: object): fields is NodeIdentity {
  const numbers = ["node", "incarnation", "partitionCount", "knownAsOf"];
  const texts = ["clusterId", "nonce", "state"];
  const lists = ["members", "known"];
  const values = fields as Record<string, unknown>;
  const states: readonly FormationState[] = ["unformed", "formed", "joining"];
  return (
    numbers.every((name) => Number.isSafeInteger(values[name])) &&
    texts.every((name) => typeof values[name] === "string") &&
    lists.every((name) => Array.isArray(values[name]) && values[name].every(isMember)) &&
    states.some((state) => state === values["state"]) &&
    typeof values["recorded"] === "object" &&
    typeof values["isLogStale"] === "boolean"
  );
}

function isMember(value: unknown): value is ListedMember {
  if (typeof value !== "object" || value === null) return false;
  const { node, address } = value as Record<string, unknown>;
  return Number.isSafeInteger(node) && typeof address === "string";
}
