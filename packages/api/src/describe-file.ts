// SPDX-License-Identifier: Apache-2.0
/**
 * Makes descriptors of what a file declares: what protobuf-es does with its registry, for as much of
 * the language as our files use. That is proto3, with extensions at the top of a file and no options
 * but those named here; file-desc.spec.ts compares every descriptor with the registry's.
 */

import type {
  DescEnum,
  DescEnumValue,
  DescExtension,
  DescField,
  DescFile,
  DescMessage,
  DescMethod,
  DescOneof,
  DescService,
} from "@bufbuild/protobuf";
import {
  nestedTypes,
  protoCamelCase,
  protoSnakeCase,
  safeObjectProperty,
} from "@bufbuild/protobuf/reflect";
import type {
  DescriptorProto,
  EnumDescriptorProto,
  FieldDescriptorProto,
  FileDescriptorProto,
  MethodDescriptorProto,
  ServiceDescriptorProto,
} from "@bufbuild/protobuf/wkt";

/** Of google.protobuf.Edition, FieldDescriptorProto and FeatureSet, which no page should load. */
const EDITION_PROTO3 = 999;
const LABEL_REPEATED = 3;
const TYPE_STRING = 9;
const TYPE_MESSAGE = 11;
const TYPE_BYTES = 12;
const TYPE_ENUM = 14;
const PRESENCE_EXPLICIT = 1;
const PRESENCE_IMPLICIT = 2;

/** What a file's declarations may refer to, by full names. */
interface Scope {
  readonly file: DescFile;
  readonly messages: Map<string, DescMessage>;
  readonly enums: Map<string, DescEnum>;
  /** The messages that stand for the entries of maps, and are seen by nobody else. */
  readonly entries: Map<string, DescMessage>;
}

/** The descriptor of `proto`, whose imports are given in its order. */
export function describeFile(proto: FileDescriptorProto, imports: readonly DescFile[]): DescFile {
  if (proto.syntax !== "proto3") throw new Error(`${proto.name} is not written in proto3`);
  const file: DescFile = {
    kind: "file",
    proto,
    deprecated: false,
    edition: EDITION_PROTO3,
    name: proto.name.replace(/\.proto$/, ""),
    dependencies: [...imports],
    enums: [],
    messages: [],
    extensions: [],
    services: [],
    toString: () => `file ${proto.name}`,
  };
  const scope: Scope = { file, messages: new Map(), enums: new Map(), entries: new Map() };
  for (const type of imports.flatMap((imported) => [...nestedTypes(imported)])) {
    if (type.kind === "message") scope.messages.set(type.typeName, type);
    if (type.kind === "enum") scope.enums.set(type.typeName, type);
  }
  for (const declared of proto.enumType) describeEnum(declared, scope, undefined);
  for (const declared of proto.messageType) describeMessage(declared, scope, undefined);
  for (const declared of proto.service) file.services.push(describeService(declared, scope));
  for (const declared of proto.extension) file.extensions.push(describeExtension(declared, scope));
  // A map is described by the fields of its entries, so these come first.
  for (const entry of scope.entries.values()) describeFields(entry, scope);
  for (const message of file.messages) describeFields(message, scope);
  return file;
}

function describeEnum(
  proto: EnumDescriptorProto,
  scope: Scope,
  parent: DescMessage | undefined,
): void {
  const { name } = proto;
  const typeName = `${parent?.typeName ?? scope.file.proto.package}.${name}`;
  const prefix = `${protoSnakeCase(name).slice(1)}_`;
  const isShared = proto.value.every((value) => value.name.toLowerCase().startsWith(prefix));
  const described: DescEnum = {
    kind: "enum",
    proto,
    deprecated: false,
    file: scope.file,
    parent,
    open: true,
    name,
    typeName,
    value: {},
    values: [],
    sharedPrefix: isShared ? prefix : undefined,
    toString: () => `enum ${typeName}`,
  };
  for (const value of proto.value) {
    const { name, number } = value;
    const ofNumber: DescEnumValue = {
      kind: "enum_value",
      proto: value,
      deprecated: false,
      parent: described,
      name,
      localName: safeObjectProperty(isShared ? name.slice(prefix.length) : name),
      number,
      jsonName: name,
      toString: () => `enum value ${typeName}.${name}`,
    };
    described.values.push(ofNumber);
    described.value[number] = ofNumber;
  }
  scope.enums.set(typeName, described);
  (parent?.nestedEnums ?? scope.file.enums).push(described);
}

/** Without its fields, which may be of types that are described only later. */
function describeMessage(
  proto: DescriptorProto,
  scope: Scope,
  parent: DescMessage | undefined,
): void {
  const typeName = `${parent?.typeName ?? scope.file.proto.package}.${proto.name}`;
  const described: DescMessage = {
    kind: "message",
    proto,
    deprecated: false,
    file: scope.file,
    parent,
    name: proto.name,
    typeName,
    fields: [],
    field: {},
    oneofs: [],
    members: [],
    nestedEnums: [],
    nestedMessages: [],
    nestedExtensions: [],
    toString: () => `message ${typeName}`,
  };
  if (proto.options?.mapEntry) {
    scope.entries.set(typeName, described);
  } else {
    scope.messages.set(typeName, described);
    (parent?.nestedMessages ?? scope.file.messages).push(described);
  }
  for (const declared of proto.enumType) describeEnum(declared, scope, described);
  for (const declared of proto.nestedType) describeMessage(declared, scope, described);
}

function describeFields(message: DescMessage, scope: Scope): void {
  const oneofs = message.proto.oneofDecl.map((proto): DescOneof => {
    const { name } = proto;
    return {
      kind: "oneof",
      proto,
      deprecated: false,
      parent: message,
      fields: [],
      name,
      localName: safeObjectProperty(protoCamelCase(name)),
      toString: () => `oneof ${message.typeName}.${name}`,
    };
  });
  for (const proto of message.proto.field) {
    // An optional field has a group of its own, which nobody declared and nobody sees. The index of a
    // field in no group is not set, and not 0.
    const oneof = proto.proto3Optional ? undefined : oneofs[proto.oneofIndex];
    const field = {
      ...describeValue(proto, scope, oneof !== undefined),
      kind: "field",
      parent: message,
      oneof,
      localName: safeObjectProperty(protoCamelCase(proto.name)),
      jsonName: proto.jsonName,
      toString: () => `field ${message.typeName}.${proto.name}`,
    } as unknown as DescField;
    message.fields.push(field);
    message.field[field.localName] = field;
    if (oneof === undefined) message.members.push(field);
    else if (oneof.fields.push(field) === 1) message.members.push(oneof);
  }
  message.oneofs.push(...oneofs.filter((oneof) => oneof.fields.length > 0));
  for (const nested of message.nestedMessages) describeFields(nested, scope);
}

function describeExtension(proto: FieldDescriptorProto, scope: Scope): DescExtension {
  const typeName = `${scope.file.proto.package}.${proto.name}`;
  return {
    ...describeValue(proto, scope, true),
    kind: "extension",
    file: scope.file,
    parent: undefined,
    oneof: undefined,
    typeName,
    jsonName: `[${typeName}]`,
    extendee: found(scope.messages, proto.extendee),
    toString: () => `extension ${typeName}`,
  } as unknown as DescExtension;
}

/** What a field and an extension have in common: how the value is written. */
function describeValue(
  proto: FieldDescriptorProto,
  scope: Scope,
  isExplicit: boolean,
): Record<string, unknown> {
  const { name, number, type, typeName } = proto;
  const isList = proto.label === LABEL_REPEATED;
  const isMessage = type === TYPE_MESSAGE;
  const kind = isMessage ? "message" : type === TYPE_ENUM ? "enum" : "scalar";
  const hasPresence = !isList && (isExplicit || isMessage || proto.proto3Optional);
  const value = {
    proto,
    deprecated: false,
    name,
    number,
    fieldKind: isList ? "list" : kind,
    scalar: kind === "scalar" ? type : undefined,
    message: undefined as DescMessage | undefined,
    enum: kind === "enum" ? found(scope.enums, typeName) : undefined,
    presence: hasPresence ? PRESENCE_EXPLICIT : PRESENCE_IMPLICIT,
    utf8Validation: true,
    listKind: isList ? kind : undefined,
    mapKind: undefined,
    mapKey: undefined,
    delimitedEncoding: isMessage ? false : undefined,
    packed: isList ? !isMessage && type !== TYPE_STRING && type !== TYPE_BYTES : undefined,
    longAsString: false,
    getDefaultValue: isList ? undefined : () => undefined,
  };
  if (!isMessage) return value;
  const entry = scope.entries.get(typeName.slice(1));
  if (entry === undefined) return { ...value, message: found(scope.messages, typeName) };
  const [key, mapped] = entry.fields;
  const { scalar, message, enum: enumeration, fieldKind } = mapped ?? {};
  const map = { mapKey: key?.scalar, mapKind: fieldKind, scalar, message, enum: enumeration };
  return { ...value, ...map, fieldKind: "map", listKind: undefined, packed: undefined };
}

function describeService(proto: ServiceDescriptorProto, scope: Scope): DescService {
  const typeName = `${scope.file.proto.package}.${proto.name}`;
  const described: DescService = {
    kind: "service",
    proto,
    deprecated: false,
    file: scope.file,
    name: proto.name,
    typeName,
    methods: [],
    method: {},
    toString: () => `service ${typeName}`,
  };
  for (const declared of proto.method) {
    const method = describeMethod(declared, scope, described);
    described.methods.push(method);
    described.method[method.localName] = method;
  }
  return described;
}

function describeMethod(
  proto: MethodDescriptorProto,
  scope: Scope,
  parent: DescService,
): DescMethod {
  const { name, clientStreaming, serverStreaming } = proto;
  const oneWay = clientStreaming ? "client_streaming" : "unary";
  const back = clientStreaming ? "bidi_streaming" : "server_streaming";
  return {
    kind: "rpc",
    proto,
    deprecated: proto.options?.deprecated ?? false,
    parent,
    name,
    localName: safeObjectProperty(name.charAt(0).toLowerCase() + name.slice(1)),
    methodKind: serverStreaming ? back : oneWay,
    input: found(scope.messages, proto.inputType),
    output: found(scope.messages, proto.outputType),
    idempotency: 0,
    toString: () => `rpc ${parent.typeName}.${name}`,
  };
}

/** Files name types from the root, with a dot in front. */
function found<T>(types: ReadonlyMap<string, T>, typeName: string): T {
  const type = types.get(typeName.slice(1));
  if (type === undefined) throw new Error(`${typeName} is declared in no file`);
  return type;
}
