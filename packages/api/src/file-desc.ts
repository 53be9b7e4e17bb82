// SPDX-License-Identifier: Apache-2.0
/**
 * Makes the descriptor of a file from the bytes that protoc-gen-es embeds in generated code.
 *
 * In Node protobuf-es does this, with the descriptor of descriptor.proto, which is larger than all of
 * ours together and would travel to every page for this alone. Ours reads what our files say and
 * keeps the rest as unknown fields: encoded again it is the same file. A field of `proto` that is not
 * set reads as undefined, not as its default. Why, and what it saves, is in
 * docs/decisions/0017-browser-size.md; file-desc.spec.ts holds both against each other.
 */

import type { DescFile } from "@bufbuild/protobuf";
import { protoCamelCase } from "@bufbuild/protobuf/reflect";
import { BinaryReader, base64Decode } from "@bufbuild/protobuf/wire";
import type { DescriptorProto, FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import { describeFile } from "./describe-file.ts";

/**
 * The descriptor of one file, for generated code only.
 *
 * @param base64 a google.protobuf.FileDescriptorProto without its imports and without JSON names
 *   that follow from the names of fields
 * @param imports in the order in which the file names them
 */
export function fileDesc(base64: string, imports: readonly DescFile[] = []): DescFile {
  const bytes = base64Decode(base64);
  const proto = read("File", new BinaryReader(bytes), bytes.length) as FileDescriptorProto;
  proto.messageType.forEach(restoreJsonNames);
  proto.dependency = imports.map((file) => file.proto.name);
  return describeFile(proto, imports);
}

type Message = Record<string, unknown>;

/** How a field is read: one of the scalars, or a message of this name. */
type Kind = "text" | "number" | "flag" | ShapeName;

/** By field number. */
type Fields = Readonly<Record<number, readonly [property: string, kind: Kind, list?: "list"]>>;

interface Shape {
  readonly typeName: string;
  readonly fields: Fields;
  /** All lists: protobuf-es expects that they are there when they are empty. */
  readonly lists: readonly string[];
}

type ShapeName =
  | "File"
  | "Message"
  | "MessageOptions"
  | "Field"
  | "Oneof"
  | "Enum"
  | "EnumValue"
  | "Service"
  | "Method"
  | "MethodOptions";

const RESERVED = ["reservedRange", "reservedName"];
const IMPORTS = ["dependency", "publicDependency", "weakDependency", "optionDependency"];

/**
 * What of descriptor.proto our files use and protobuf-es looks at. A file that begins to use more (a
 * deprecated message, a packed option) fails the spec, and the field joins the table.
 */
const SHAPES: Readonly<Record<ShapeName, Shape>> = {
  File: shape(
    "FileDescriptorProto",
    {
      1: ["name", "text"],
      2: ["package", "text"],
      4: ["messageType", "Message", "list"],
      5: ["enumType", "Enum", "list"],
      6: ["service", "Service", "list"],
      7: ["extension", "Field", "list"],
      12: ["syntax", "text"],
    },
    IMPORTS,
  ),
  Message: shape(
    "DescriptorProto",
    {
      1: ["name", "text"],
      2: ["field", "Field", "list"],
      3: ["nestedType", "Message", "list"],
      4: ["enumType", "Enum", "list"],
      6: ["extension", "Field", "list"],
      7: ["options", "MessageOptions"],
      8: ["oneofDecl", "Oneof", "list"],
    },
    ["extensionRange", ...RESERVED],
  ),
  Field: shape("FieldDescriptorProto", {
    1: ["name", "text"],
    2: ["extendee", "text"],
    3: ["number", "number"],
    4: ["label", "number"],
    5: ["type", "number"],
    6: ["typeName", "text"],
    9: ["oneofIndex", "number"],
    17: ["proto3Optional", "flag"],
  }),
  Oneof: shape("OneofDescriptorProto", { 1: ["name", "text"] }),
  Enum: shape(
    "EnumDescriptorProto",
    { 1: ["name", "text"], 2: ["value", "EnumValue", "list"] },
    RESERVED,
  ),
  EnumValue: shape("EnumValueDescriptorProto", {
    1: ["name", "text"],
    2: ["number", "number"],
  }),
  Service: shape("ServiceDescriptorProto", {
    1: ["name", "text"],
    2: ["method", "Method", "list"],
  }),
  Method: shape("MethodDescriptorProto", {
    1: ["name", "text"],
    2: ["inputType", "text"],
    3: ["outputType", "text"],
    4: ["options", "MethodOptions"],
    5: ["clientStreaming", "flag"],
    6: ["serverStreaming", "flag"],
  }),
  MessageOptions: shape("MessageOptions", { 7: ["mapEntry", "flag"] }, ["uninterpretedOption"]),
  MethodOptions: shape("MethodOptions", { 33: ["deprecated", "flag"] }, ["uninterpretedOption"]),
};

function shape(name: string, fields: Fields, unread: readonly string[] = []): Shape {
  const read = Object.values(fields).filter(([, , list]) => list !== undefined);
  const lists = [...unread, ...read.map(([property]) => property)];
  return { typeName: `google.protobuf.${name}`, fields, lists };
}

function read(name: ShapeName, reader: BinaryReader, end: number): Message {
  const { typeName, fields, lists } = SHAPES[name];
  const message: Message = { $typeName: typeName };
  for (const property of lists) message[property] = [];
  const unknown: unknown[] = [];
  while (reader.pos < end) {
    const [no, wireType] = reader.tag();
    const field = fields[no];
    if (field === undefined) {
      unknown.push({ no, wireType, data: reader.skip(wireType, no) });
      continue;
    }
    const [property, kind, list] = field;
    const value = readValue(kind, reader);
    if (list === undefined) message[property] = value;
    else (message[property] as unknown[]).push(value);
  }
  if (unknown.length > 0) message["$unknown"] = unknown;
  return message;
}

function readValue(kind: Kind, reader: BinaryReader): unknown {
  switch (kind) {
    case "text":
      return reader.string();
    case "number":
      return reader.int32();
    case "flag":
      return reader.bool();
    default: {
      const length = reader.uint32();
      return read(kind, reader, reader.pos + length);
    }
  }
}

/** Generated code leaves out the JSON names that are the usual ones, and ours are all usual. */
function restoreJsonNames(message: DescriptorProto): void {
  for (const field of message.field) {
    field.jsonName = protoCamelCase(field.name);
  }
  message.nestedType.forEach(restoreJsonNames);
}
