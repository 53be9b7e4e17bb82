// SPDX-License-Identifier: Apache-2.0
/**
 * What the spike speaks: one bidirectional stream whose frames carry many small operations. Described
 * here and not generated, since nothing else speaks it.
 */

import { createFileRegistry, fromJson, type Message } from "@bufbuild/protobuf";
import type { GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

/** An operation, or the answer to it, which has no payload. */
export type Op = Message<"spike.Op"> & { id: number; payload: Uint8Array };
export type Frame = Message<"spike.Frame"> & { ops: Op[] };

const FILE = fromJson(FileDescriptorProtoSchema, {
  name: "spike.proto",
  package: "spike",
  syntax: "proto3",
  messageType: [
    {
      name: "Op",
      field: [
        { name: "id", number: 1, type: "TYPE_UINT32", label: "LABEL_OPTIONAL" },
        { name: "payload", number: 2, type: "TYPE_BYTES", label: "LABEL_OPTIONAL" },
      ],
    },
    {
      name: "Frame",
      field: [
        {
          ...{ name: "ops", number: 1, type: "TYPE_MESSAGE", label: "LABEL_REPEATED" },
          typeName: ".spike.Op",
        },
      ],
    },
  ],
  service: [
    {
      name: "Spike",
      method: [
        {
          ...{ name: "Exchange", inputType: ".spike.Frame", outputType: ".spike.Frame" },
          ...{ clientStreaming: true, serverStreaming: true },
        },
      ],
    },
  ],
});
const REGISTRY = createFileRegistry(FILE, () => undefined);

export const OpSchema = REGISTRY.getMessage("spike.Op") as GenMessage<Op>;
export const FrameSchema = REGISTRY.getMessage("spike.Frame") as GenMessage<Frame>;
export const SpikeService = REGISTRY.getService("spike.Spike") as GenService<{
  exchange: {
    methodKind: "bidi_streaming";
    input: typeof FrameSchema;
    output: typeof FrameSchema;
  };
}>;
