// SPDX-License-Identifier: Apache-2.0
/**
 * What generated code imports as `#wkt` outside Node (see buf.gen.yaml and package.json): the
 * well-known types that our protos name. Those that a page needs are made by our own `fileDesc`, from
 * the bytes of the originals; file-desc.spec.ts compares them.
 */

import { fileDesc, type GenFile } from "./codegen.ts";

export type {
  Any,
  Duration,
  FieldOptions,
  MethodOptions,
  ServiceOptions,
  Timestamp,
} from "@bufbuild/protobuf/wkt";
export {
  file_google_protobuf_any,
  file_google_protobuf_descriptor,
} from "@bufbuild/protobuf/wkt";

export const file_google_protobuf_duration: GenFile = /*@__PURE__*/ fileDesc(
  "Ch5nb29nbGUvcHJvdG9idWYvZHVyYXRpb24ucHJvdG8SD2dvb2dsZS5wcm90b2J1ZiIqCghEdXJhdGlvbhIPCgdzZWNvbmRzGAEgASgDEg0KBW5hbm9zGAIgASgFQoMBChNjb20uZ29vZ2xlLnByb3RvYnVmQg1EdXJhdGlvblByb3RvUAFaMWdvb2dsZS5nb2xhbmcub3JnL3Byb3RvYnVmL3R5cGVzL2tub3duL2R1cmF0aW9ucGL4AQGiAgNHUEKqAh5Hb29nbGUuUHJvdG9idWYuV2VsbEtub3duVHlwZXNiBnByb3RvMw",
);

export const file_google_protobuf_timestamp: GenFile = /*@__PURE__*/ fileDesc(
  "Ch9nb29nbGUvcHJvdG9idWYvdGltZXN0YW1wLnByb3RvEg9nb29nbGUucHJvdG9idWYiKwoJVGltZXN0YW1wEg8KB3NlY29uZHMYASABKAMSDQoFbmFub3MYAiABKAVChQEKE2NvbS5nb29nbGUucHJvdG9idWZCDlRpbWVzdGFtcFByb3RvUAFaMmdvb2dsZS5nb2xhbmcub3JnL3Byb3RvYnVmL3R5cGVzL2tub3duL3RpbWVzdGFtcHBi+AEBogIDR1BCqgIeR29vZ2xlLlByb3RvYnVmLldlbGxLbm93blR5cGVzYgZwcm90bzM",
);
