// SPDX-License-Identifier: Apache-2.0
/** How a message is on its way: as the bytes that a real connection would carry, or as it is. */

import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";

export interface Codec<Schema extends DescMessage> {
  pack(message: MessageShape<Schema>): unknown;
  unpack(packed: unknown): MessageShape<Schema>;
}

export function codecOf<Schema extends DescMessage>(
  schema: Schema,
  isEncoded: boolean,
): Codec<Schema> {
  if (isEncoded) {
    return {
      pack: (message) => toBinary(schema, message),
      unpack: (packed) => fromBinary(schema, packed as Uint8Array),
    };
  }
  return { pack: (message) => message, unpack: (packed) => packed as MessageShape<Schema> };
}
