// SPDX-License-Identifier: Apache-2.0
import type { DescService } from "@bufbuild/protobuf";
import { createConnectRouter } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { createMemoryNode } from "../replica/memory-node.ts";
import { DIALECTS, type DialectName, defaultDialectOptions } from "./dialect-options.ts";
import { createDialectServices, DIALECT_SERVICES, registerDialects } from "./dialects.ts";

function servedBy(served: readonly DialectName[]): readonly DescService[] {
  const { node, clock } = createMemoryNode();
  const dialects = { ...defaultDialectOptions, served };
  const router = createConnectRouter();
  registerDialects(
    router,
    createDialectServices({ node, clock, dialects, drawSessionId: () => 1n }),
  );
  return [...new Set(router.handlers.map(({ service }) => service))];
}

const namesOf = (services: readonly DescService[]): readonly string[] =>
  services.map(({ typeName }) => typeName).sort();

test.each(DIALECTS)("%s is served alone, with all that its clients call", (dialect) => {
  expect(namesOf(servedBy([dialect]))).toEqual(namesOf(DIALECT_SERVICES[dialect]));
});

test.each(DIALECTS)("%s is switched off alone", (dialect) => {
  const rest = DIALECTS.filter((each) => each !== dialect);

  expect(namesOf(servedBy(rest))).toEqual(namesOf(rest.flatMap((each) => DIALECT_SERVICES[each])));
});

test("none is served where none is asked for", () => {
  expect(servedBy([])).toEqual([]);
});
