// SPDX-License-Identifier: Apache-2.0
/** The protos of this folder, as gRPC's own loader reads them. */

import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadSync, type MethodDefinition, type ServiceDefinition } from "@grpc/proto-loader";

export type Protocol = "s0" | "s1" | "s2" | "s3" | "s4";

export type Method = MethodDefinition<object, object>;

const loaded = new Map<Protocol, ReadonlyMap<string, Method>>();

/** By path: `/package.Service/Method`. */
export function methodsOf(protocol: Protocol): ReadonlyMap<string, Method> {
  const known = loaded.get(protocol);
  if (known !== undefined) return known;
  const folder = fileURLToPath(new URL(`./protos/${protocol}`, import.meta.url));
  const definition = loadSync(readdirSync(folder), {
    ...{ includeDirs: [folder], keepCase: true, defaults: true },
    // Numbers of 64 bits come as text, without loss; enums by name; what is absent is null.
    ...{ longs: String, enums: String },
  });
  const methods = new Map<string, Method>();
  for (const part of Object.values(definition)) {
    if ("format" in part) continue;
    for (const method of Object.values(part as ServiceDefinition)) methods.set(method.path, method);
  }
  loaded.set(protocol, methods);
  return methods;
}
