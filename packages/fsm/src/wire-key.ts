// SPDX-License-Identifier: Apache-2.0
/** The key of a primitive in entries and snapshots: conclave.log.v1.Key. */

import type { PrimitiveKey, PrimitiveKind } from "./key.ts";
import {
  beginMessage,
  endMessage,
  failDamaged,
  failUnknown,
  nextField,
  readNumber,
  readText,
  type WireReader,
} from "./wire-reader.ts";
import {
  closeMessage,
  openMessage,
  type WireWriter,
  writeNumber,
  writeText,
} from "./wire-writer.ts";

const ELECTION = 1;
const LATCH = 2;

export function writeKey(writer: WireWriter, field: number, key: PrimitiveKey): void {
  const start = openMessage(writer, field);
  writeNumber(writer, 1, key.kind === "election" ? ELECTION : LATCH);
  writeText(writer, 2, key.namespace);
  writeText(writer, 3, key.name);
  closeMessage(writer, start);
}

export function readKey(reader: WireReader): PrimitiveKey {
  let kind: PrimitiveKind | undefined;
  let namespace = "";
  let name = "";
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) kind = readKind(reader);
    else if (reader.field === 2) namespace = readText(reader);
    else if (reader.field === 3) name = readText(reader);
    else failUnknown(reader, `field ${reader.field} of a key`);
  }
  endMessage(reader, outer);
  if (kind === undefined) failDamaged(reader, "a key without a kind");
  return { kind: kind ?? "election", namespace, name };
}

function readKind(reader: WireReader): PrimitiveKind | undefined {
  const number = readNumber(reader);
  if (number === ELECTION) return "election";
  if (number === LATCH) return "latch";
  failUnknown(reader, `kind ${number} of primitive`);
  return undefined;
}
