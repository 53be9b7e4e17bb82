// SPDX-License-Identifier: Apache-2.0
/**
 * Holds the generated code of the five older dialects against testdata/wire-facts, both ways.
 *
 * The facts were written down from the originals, not from our protos; neither side may be made
 * from the other. One case for each message, enum, service and extension, so that a failure names
 * what differs.
 */

import { readdirSync, readFileSync } from "node:fs";
import {
  type DescEnum,
  type DescExtension,
  type DescField,
  type DescFile,
  type DescMessage,
  type DescMethod,
  type DescService,
  getOption,
  hasOption,
  ScalarType,
} from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import * as s0 from "./s0.ts";
import * as s1 from "./s1.ts";
import * as s2 from "./s2.ts";
import * as s3 from "./s3.ts";
import * as s4 from "./s4.ts";

interface FieldFact {
  readonly number: number;
  readonly name: string;
  readonly label: "singular" | "repeated" | "map";
  /** A map's key; a map's value is its `type`. */
  readonly key?: string | undefined;
  readonly type: string;
  readonly oneof?: string | undefined;
}

interface MethodFact {
  readonly path: string;
  readonly request: string;
  readonly response: string;
  readonly kind: string;
  readonly options: Readonly<Record<string, unknown>>;
}

interface ExtensionFact {
  readonly extendee: string;
  readonly number: number;
  readonly name: string;
  readonly type: string;
}

/** One original file. */
interface FileFacts {
  readonly messages: readonly { readonly name: string; readonly fields: readonly FieldFact[] }[];
  readonly enums: readonly { readonly name: string; readonly values: Record<string, number> }[];
  readonly services: readonly { readonly name: string; readonly methods: readonly MethodFact[] }[];
  readonly extensions: readonly ExtensionFact[];
}

/** What one side knows, by "message atomix.election.Term", "enum ..." and so on. */
type Facts = ReadonlyMap<string, unknown>;

const DOORS: Readonly<Record<string, object>> = { s0, s1, s2, s3, s4 };

const files: readonly DescFile[] = filesBehind(Object.values(DOORS));
const extensions: readonly DescExtension[] = files.flatMap((file) =>
  [...nestedTypes(file)].filter((desc) => desc.kind === "extension"),
);
const generated: Facts = new Map(files.flatMap(factsOfFile));
const recorded: Facts = new Map(Object.keys(DOORS).flatMap(entriesOfDialect));

describe("what is generated is what the originals have on the wire", () => {
  it.each([...new Set([...recorded.keys(), ...generated.keys()])].sort())("%s", (name) => {
    expect(generated.get(name)).toEqual(recorded.get(name));
  });
});

describe("the facts as a whole", () => {
  it("leave no generated file of the dialects out of sight", () => {
    const onDisk = readdirSync(new URL("./gen/atomix", import.meta.url), { recursive: true })
      .map(String)
      .filter((path) => path.endsWith("_pb.ts"))
      .map((path) => `atomix/${path.replace(/_pb\.ts$/, "")}`);

    expect(files.map((file) => file.name).sort()).toEqual(onDisk.sort());
  });

  it("give no name to two dialects", () => {
    const names = Object.keys(DOORS).flatMap((dialect) =>
      entriesOfDialect(dialect).map(([n]) => n),
    );

    expect(names.length).toBe(new Set(names).size);
  });

  it.each(Object.keys(DOORS))(
    "are all behind the door of their dialect, and no others: %s",
    (dialect) => {
      const promised = entriesOfDialect(dialect).map(([name]) => name);

      const open = descriptorsIn(DOORS[dialect] ?? {}).map(
        (desc) => `${desc.kind} ${desc.typeName}`,
      );

      expect(open.sort()).toEqual(promised.filter((name) => !name.startsWith("extension ")).sort());
    },
  );
});

describe("every message of the dialects is plain proto3", () => {
  const fields = files.flatMap((file) =>
    [...nestedTypes(file)].flatMap((desc) => (desc.kind === "message" ? desc.fields : [])),
  );

  it("so that a scalar which is zero is not written", () => {
    const explicit = fields.filter(
      (field) =>
        (field.fieldKind === "scalar" || field.fieldKind === "enum") &&
        field.oneof === undefined &&
        field.presence !== FeatureSet_FieldPresence.IMPLICIT,
    );

    expect(explicit.map(String)).toEqual([]);
  });

  it("so that repeated numbers are packed", () => {
    const numbers = fields.filter(
      (field) => field.fieldKind === "list" && field.scalar === ScalarType.UINT64,
    );

    expect(numbers.map((field) => `${field} ${"packed" in field && field.packed}`)).toEqual([
      "field atomix.time.v1.VectorTimestamp.time true",
      "field atomix.primitive.meta.VectorTimestamp.time true",
    ]);
  });
});

function entriesOfDialect(dialect: string): [string, unknown][] {
  const path = new URL(`../testdata/wire-facts/${dialect}.json`, import.meta.url);
  const { files } = JSON.parse(readFileSync(path, "utf8")) as { files: readonly FileFacts[] };
  return files.flatMap((file): [string, unknown][] => [
    ...file.messages.map((m): [string, unknown] => [`message ${m.name}`, byNumber(m.fields)]),
    ...file.enums.map((e): [string, unknown] => [`enum ${e.name}`, e.values]),
    ...file.services.map((s): [string, unknown] => [`service ${s.name}`, byPath(s.methods)]),
    ...file.extensions.map((x): [string, unknown] => [`extension ${x.name}`, x]),
  ]);
}

type DoorDescriptor = DescMessage | DescEnum | DescService;

function descriptorsIn(door: object): DoorDescriptor[] {
  return Object.values(door).filter(
    (value): value is DoorDescriptor =>
      typeof value === "object" && ["message", "enum", "service"].includes(value?.kind),
  );
}

/** The files that hold what is behind the doors, and what those import of the dialects. */
function filesBehind(doors: readonly object[]): DescFile[] {
  const found = new Map<string, DescFile>();
  const visit = (file: DescFile): void => {
    if (!file.name.startsWith("atomix/") || found.has(file.name)) return;
    found.set(file.name, file);
    file.dependencies.forEach(visit);
  };
  for (const desc of doors.flatMap(descriptorsIn)) visit(desc.file);
  return [...found.values()];
}

function factsOfFile(file: DescFile): [string, unknown][] {
  return [...nestedTypes(file)].map((desc) => [`${desc.kind} ${desc.typeName}`, factOf(desc)]);
}

function factOf(desc: DoorDescriptor | DescExtension): unknown {
  switch (desc.kind) {
    case "message":
      return byNumber(desc.fields.map(fieldFact));
    case "enum":
      return Object.fromEntries(desc.values.map((value) => [value.name, value.number]));
    case "service":
      return byPath(desc.methods.map(methodFact));
    case "extension": {
      const { number, typeName } = desc;
      return { extendee: desc.extendee.typeName, number, name: typeName, type: typeOf(desc) };
    }
  }
}

function fieldFact(field: DescField): FieldFact {
  const { number, name, oneof } = field;
  const rest = { type: typeOf(field), oneof: oneof?.name };
  if (field.fieldKind === "map") {
    return { number, name, label: "map", key: scalarName(field.mapKey), ...rest };
  }
  return { number, name, label: field.fieldKind === "list" ? "repeated" : "singular", ...rest };
}

function typeOf(field: DescField | DescExtension): string {
  if (field.message !== undefined) return field.message.typeName;
  if (field.enum !== undefined) return field.enum.typeName;
  return scalarName(field.scalar as ScalarType);
}

function scalarName(scalar: ScalarType): string {
  return String(ScalarType[scalar]).toLowerCase();
}

function methodFact(method: DescMethod): MethodFact {
  const options: Record<string, unknown> = method.deprecated ? { deprecated: true } : {};
  for (const extension of extensions) {
    if (extension.extendee.typeName !== "google.protobuf.MethodOptions") continue;
    if (!hasOption(method, extension)) continue;
    const value = getOption(method, extension);
    const named = extension.enum?.values.find((candidate) => candidate.number === value);
    options[extension.typeName] = named?.name ?? value;
  }
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    request: method.input.typeName,
    response: method.output.typeName,
    kind: method.methodKind === "server_streaming" ? "server-stream" : method.methodKind,
    options,
  };
}

function byNumber(fields: readonly FieldFact[]): FieldFact[] {
  return [...fields].sort((a, b) => a.number - b.number);
}

function byPath(methods: readonly MethodFact[]): MethodFact[] {
  return [...methods].sort((a, b) => a.path.localeCompare(b.path, "en"));
}
