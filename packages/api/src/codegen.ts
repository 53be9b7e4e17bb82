// SPDX-License-Identifier: Apache-2.0
/**
 * What generated code imports as `#codegen` outside Node (see buf.gen.yaml and package.json): the
 * names of @bufbuild/protobuf/codegenv2, with a `fileDesc` of our own. A list of names and nothing else.
 */

export type {
  GenEnum,
  GenExtension,
  GenFile,
  GenMessage,
  GenService,
} from "@bufbuild/protobuf/codegenv2";
export { enumDesc, extDesc, messageDesc, serviceDesc } from "@bufbuild/protobuf/codegenv2";
export { fileDesc } from "./file-desc.ts";
