// SPDX-License-Identifier: Apache-2.0
/**
 * Fields that several requests share, checked and put into domain values. A failure names the field in
 * the spelling of the proto and what it must keep to. The state machine checks again: a log entry may
 * come from a node with another version.
 */

import {
  type AdminOptions as AdminOptionsMessage,
  type CommandId as CommandIdMessage,
  type ElectionRef,
  PrimitiveKind as PrimitiveKindMessage,
} from "@conclave/api";
import {
  type AdminOptions,
  type CommandId,
  defaultLimits,
  isName,
  isText,
  type Metadata,
  type PrimitiveKey,
  type PrimitiveKind,
  utf8Length,
} from "@conclave/fsm";
import { type Failure, invalidField } from "./failure.ts";

const {
  nameBytesMax,
  metadataBytesMax,
  reasonBytesMax,
  requestIdBytesMax,
  labelsMax,
  labelBytesMax,
} = defaultLimits;

const NAME_BOUND = `1 to ${nameBytesMax} bytes of UTF-8 without control characters`;
const EMPTY: Metadata = new Map();
const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);

export function isFailure(value: object | undefined): value is Failure {
  return value !== undefined && "kind" in value && value.kind === "failure";
}

export function keyOf(ref: ElectionRef | undefined, field = "election"): PrimitiveKey | Failure {
  if (ref === undefined) return invalidField(field, "must be set");
  if (!isName(ref.name, nameBytesMax)) return invalidField(`${field}.name`, NAME_BOUND);
  const namespace = namespaceOf(ref.namespace, `${field}.namespace`);
  if (typeof namespace !== "string") return namespace;
  const kind = primitiveKindOf(ref.kind, `${field}.kind`);
  if (typeof kind !== "string") return kind;
  return { kind, namespace, name: ref.name };
}

export function namespaceOf(namespace: string, field: string): string | Failure {
  if (namespace === "") return "default";
  return isName(namespace, nameBytesMax) ? namespace : invalidField(field, NAME_BOUND);
}

export function primitiveKindOf(
  kind: PrimitiveKindMessage,
  field: string,
): PrimitiveKind | Failure {
  switch (kind) {
    case PrimitiveKindMessage.UNSPECIFIED:
    case PrimitiveKindMessage.ELECTION:
      return "election";
    case PrimitiveKindMessage.LATCH:
      return "latch";
    default:
      return invalidField(field, "ELECTION or LATCH");
  }
}

export function prefixOf(prefix: string, field: string): string | Failure {
  if (prefix === "" || isName(prefix, nameBytesMax)) return prefix;
  return invalidField(field, `at most ${nameBytesMax} bytes of UTF-8 without control characters`);
}

export function checkCandidate(candidate: string): Failure | undefined {
  return isName(candidate, nameBytesMax) ? undefined : invalidField("candidate", NAME_BOUND);
}

export function metadataOf(metadata: { readonly [key: string]: string }): Metadata | Failure {
  let bytes = 0;
  let entries: Map<string, string> | undefined;
  for (const key in metadata) {
    const value = metadata[key] ?? "";
    const [keyBytes, valueBytes] = [utf8Length(key), utf8Length(value)];
    bytes += keyBytes < 0 || valueBytes < 0 ? Number.POSITIVE_INFINITY : keyBytes + valueBytes;
    entries ??= new Map();
    entries.set(key, value);
  }
  if (entries === undefined) return EMPTY;
  if (bytes <= metadataBytesMax) return entries;
  return invalidField(
    "metadata",
    `at most ${metadataBytesMax} bytes of UTF-8, keys and values together`,
  );
}

export function labelsOf(
  labels: { readonly [key: string]: string },
  field: string,
): Metadata | Failure {
  const entries = Object.entries(labels);
  const isSound = entries.every(
    ([key, value]) => isText(key, labelBytesMax) && isText(value, labelBytesMax),
  );
  if (isSound && entries.length <= labelsMax) return new Map(entries);
  return invalidField(
    field,
    `at most ${labelsMax}, keys and values up to ${labelBytesMax} bytes of UTF-8`,
  );
}

export function commandIdOf(message: CommandIdMessage | undefined): CommandId | Failure {
  if (message === undefined) return invalidField("command", "must be set");
  const { sessionId, number, acknowledged } = message;
  if (sessionId === 0n) return invalidField("command.session_id", "must not be 0");
  if (number < 1n || number > SAFE_MAX) return invalidField("command.number", "1 to 2^53 - 1");
  if (acknowledged >= number) {
    return invalidField("command.acknowledged", "below the number of the command");
  }
  return { sessionId, number: Number(number), acknowledged: Number(acknowledged) };
}

export function adminOptionsOf(message: AdminOptionsMessage | undefined): AdminOptions | Failure {
  if (message === undefined) return { reason: "" };
  const { ifRevision, reason, requestId } = message;
  if (!isText(reason, reasonBytesMax)) {
    return invalidField("options.reason", `at most ${reasonBytesMax} bytes of UTF-8`);
  }
  if (!isText(requestId, requestIdBytesMax)) {
    return invalidField("options.request_id", `at most ${requestIdBytesMax} bytes of UTF-8`);
  }
  return {
    reason,
    ...(ifRevision === 0n ? {} : { ifRevision }),
    ...(requestId === "" ? {} : { requestId }),
  };
}
