// SPDX-License-Identifier: Apache-2.0
/**
 * What server reflection looks up: files by name, by the symbols they define, and extensions.
 *
 * Built once from the services that are served; knows nothing of the protocol that asks.
 */

import type {
  DescEnum,
  DescExtension,
  DescFile,
  DescMessage,
  DescService,
} from "@bufbuild/protobuf";
import { toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

export interface ReflectionIndex {
  /** Full names of all services, sorted. */
  readonly services: readonly string[];
  fileByName(name: string): DescFile | undefined;
  /** By the full name of a message, field, oneof, enum, enum value, service, method or extension. */
  fileBySymbol(symbol: string): DescFile | undefined;
  /** Undefined when the message itself is not known. */
  extensionsOf(message: string): ReadonlyMap<number, DescFile> | undefined;
}

/** An index of the files of `services`, and of all that they import. */
export function indexServices(services: readonly DescService[]): ReflectionIndex {
  const files = new Map<string, DescFile>();
  for (const service of services) {
    for (const file of withImports(service.file)) files.set(fileName(file), file);
  }
  const symbols = new Map<string, DescFile>();
  const extensions = new Map<string, Map<number, DescFile>>();
  for (const file of files.values()) {
    for (const symbol of symbolsOf(file)) symbols.set(symbol, file);
  }
  for (const file of files.values()) {
    for (const extension of extensionsIn(file)) {
      const ofMessage = extensions.get(extension.extendee.typeName) ?? new Map<number, DescFile>();
      extensions.set(extension.extendee.typeName, ofMessage.set(extension.number, file));
    }
  }
  const messages = new Set([...files.values()].flatMap((file) => messagesOf(file).map(typeName)));
  return {
    services: services.map(typeName).sort(),
    fileByName: (name) => files.get(name),
    fileBySymbol: (symbol) => symbols.get(symbol),
    extensionsOf: (message) =>
      messages.has(message) ? (extensions.get(message) ?? new Map()) : undefined,
  };
}

/** The file, then everything that it imports, each once: what a client needs in order to read it. */
export function withImports(file: DescFile): readonly DescFile[] {
  const found = new Set<DescFile>([file]);
  // A set may grow while it is walked.
  for (const next of found) for (const imported of next.dependencies) found.add(imported);
  return [...found];
}

/** The file as google.protobuf.FileDescriptorProto. */
export function encodeFile(file: DescFile): Uint8Array {
  return toBinary(FileDescriptorProtoSchema, file.proto);
}

/** protobuf-es drops the suffix, which is part of the name for everyone else. */
function fileName(file: DescFile): string {
  return `${file.name}.proto`;
}

function* symbolsOf(file: DescFile): Iterable<string> {
  for (const message of messagesOf(file)) {
    yield message.typeName;
    for (const field of message.fields) yield `${message.typeName}.${field.name}`;
    for (const oneof of message.oneofs) yield `${message.typeName}.${oneof.name}`;
  }
  for (const enumeration of enumsOf(file)) {
    yield enumeration.typeName;
    // A value lives beside its enum, not inside it.
    const scope = enumeration.parent?.typeName ?? file.proto.package;
    for (const value of enumeration.values) yield scoped(scope, value.name);
  }
  for (const service of file.services) {
    yield service.typeName;
    for (const method of service.methods) yield `${service.typeName}.${method.name}`;
  }
  for (const extension of extensionsIn(file)) yield extension.typeName;
}

function messagesOf(file: DescFile): readonly DescMessage[] {
  const nested = (message: DescMessage): readonly DescMessage[] => [
    message,
    ...message.nestedMessages.flatMap(nested),
  ];
  return file.messages.flatMap(nested);
}

function enumsOf(file: DescFile): readonly DescEnum[] {
  return [...file.enums, ...messagesOf(file).flatMap((message) => message.nestedEnums)];
}

function extensionsIn(file: DescFile): readonly DescExtension[] {
  return [...file.extensions, ...messagesOf(file).flatMap((message) => message.nestedExtensions)];
}

const typeName = (descriptor: { readonly typeName: string }): string => descriptor.typeName;

const scoped = (scope: string, name: string): string => (scope === "" ? name : `${scope}.${name}`);
