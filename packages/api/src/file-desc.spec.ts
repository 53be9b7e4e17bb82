// SPDX-License-Identifier: Apache-2.0
/** Our `fileDesc` against the one of protobuf-es, on the bytes of every generated file. */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  type DescEnum,
  type DescExtension,
  type DescField,
  type DescFile,
  type DescMessage,
  type DescService,
  equals,
  fromBinary,
  toBinary,
} from "@bufbuild/protobuf";
import { fileDesc as fileDescOfLibrary } from "@bufbuild/protobuf/codegenv2";
import * as library from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { fileDesc } from "./file-desc.ts";
import * as wkt from "./wkt.ts";

const GENERATED = fileURLToPath(new URL("./gen/", import.meta.url));
const EMBEDDED = /export const (file_\w+): GenFile = .*\n {2}fileDesc\("([^"]+)"(?:, \[(.*)\])?\)/;

const paths = readdirSync(GENERATED, { recursive: true, encoding: "utf8" }).filter((path) =>
  path.endsWith("_pb.ts"),
);
const sources = new Map<string, { readonly base64: string; readonly imports: readonly string[] }>();
for (const path of paths) {
  const [, name = "", base64 = "", imports = ""] =
    EMBEDDED.exec(readFileSync(GENERATED + path, "utf8")) ?? [];
  sources.set(name, { base64, imports: imports.split(", ").filter((id) => id !== "") });
}

test("every generated file embeds its descriptor in a way that this spec can read", () => {
  expect(paths.length).toBeGreaterThan(30);
  expect(sources.size).toBe(paths.length);
  expect(sources.has("")).toBe(false);
});

test.each([...sources.keys()])("%s is what protobuf-es makes of the same bytes", (name) => {
  const ours = madeBy(fileDesc, OURS, name);
  const theirs = madeBy(fileDescOfLibrary, THEIRS, name);

  expect(factsOfFile(ours)).toEqual(factsOfFile(theirs));
  expect(isSameProto(ours, theirs)).toBe(true);
});

test.each([
  ["duration", wkt.file_google_protobuf_duration, library.file_google_protobuf_duration],
  ["timestamp", wkt.file_google_protobuf_timestamp, library.file_google_protobuf_timestamp],
])("our google/protobuf/%s.proto is the one of protobuf-es", (_, ours, theirs) => {
  expect(factsOfFile(ours)).toEqual(factsOfFile(theirs));
  expect(isSameProto(ours, theirs)).toBe(true);
});

type Made = Map<string, DescFile>;

const THEIRS: Made = new Map(Object.entries(library).filter(isFile));
const OURS: Made = new Map(Object.entries(Object.assign({}, library, wkt)).filter(isFile));

function isFile(entry: [string, unknown]): entry is [string, DescFile] {
  return entry[0].startsWith("file_");
}

/** A file and all that it imports, each made once. */
function madeBy(make: typeof fileDescOfLibrary, made: Made, name: string): DescFile {
  const known = made.get(name);
  if (known !== undefined) return known;
  const source = sources.get(name);
  if (source === undefined) throw new Error(`no generated file is called ${name}`);
  const imports = source.imports.map((imported) => madeBy(make, made, imported));
  const file = make(source.base64, imports);
  made.set(name, file);
  return file;
}

/** Unknown fields of ours are known to the library, and equal once the bytes are read by it. */
function isSameProto(ours: DescFile, theirs: DescFile): boolean {
  const schema = library.FileDescriptorProtoSchema;
  return equals(schema, fromBinary(schema, toBinary(schema, ours.proto)), theirs.proto);
}

function factsOfFile(file: DescFile): unknown {
  const { name, edition, deprecated } = file;
  return {
    ...{ name, edition, deprecated, text: String(file) },
    dependencies: file.dependencies.map((other) => other.name),
    messages: file.messages.map(factsOfMessage),
    enums: file.enums.map(factsOfEnum),
    services: file.services.map(factsOfService),
    extensions: file.extensions.map((extension) => ({
      ...factsOfField(extension),
      ...{ typeName: extension.typeName, extendee: extension.extendee.typeName },
    })),
  };
}

function factsOfMessage(message: DescMessage): unknown {
  const { typeName, name, deprecated } = message;
  return {
    ...{ typeName, name, deprecated, text: String(message) },
    fields: message.fields.map(factsOfField),
    byLocalName: Object.keys(message.field),
    members: message.members.map((member) => member.name),
    oneofs: message.oneofs.map(({ name, localName, fields, deprecated }) => ({
      ...{ name, localName, deprecated },
      fields: fields.map((field) => field.name),
    })),
    messages: message.nestedMessages.map(factsOfMessage),
    enums: message.nestedEnums.map(factsOfEnum),
    extensions: message.nestedExtensions.map(factsOfField),
  };
}

function factsOfField(field: DescField | DescExtension): Record<string, unknown> {
  const facts: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(field)) {
    if (["proto", "parent", "oneof"].includes(key)) continue;
    facts[key] = typeof value === "object" ? String(value) : value;
  }
  const { getDefaultValue } = facts as { getDefaultValue?: () => unknown };
  return {
    ...facts,
    oneof: field.oneof?.name,
    text: String(field),
    toString: undefined,
    getDefaultValue: getDefaultValue?.(),
  };
}

function factsOfEnum(described: DescEnum): unknown {
  const { typeName, name, open, sharedPrefix, deprecated, values, value } = described;
  return {
    ...{ typeName, name, open, sharedPrefix, deprecated },
    byNumber: Object.entries(value).map(([number, { name }]) => `${number} ${name}`),
    values: values.map((value) => ({
      ...{ name: value.name, localName: value.localName, number: value.number },
      ...{ jsonName: value.jsonName, deprecated: value.deprecated },
    })),
  };
}

function factsOfService({ typeName, name, deprecated, methods }: DescService): unknown {
  return {
    ...{ typeName, name, deprecated },
    methods: methods.map((method) => ({
      ...{ name: method.name, localName: method.localName, kind: method.methodKind },
      ...{ input: method.input.typeName, output: method.output.typeName },
      ...{ idempotency: method.idempotency, deprecated: method.deprecated },
    })),
  };
}
