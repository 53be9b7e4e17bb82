// SPDX-License-Identifier: Apache-2.0
/**
 * The services of a node that does not know yet who it is: all are there, and every call is told to
 * come back, so that no client takes them for missing or waits without an answer.
 */

import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { ElectionService, SessionService } from "@conclave/api";
import type { ConnectRouter, ServiceImpl } from "@connectrpc/connect";
import type { DialectName } from "../rpc/dialect-options.ts";
import { DIALECT_SERVICES } from "../rpc/dialects.ts";
import { connectErrorOf, notApplied } from "../wire/failure.ts";

const SERVICES: readonly DescService[] = [SessionService, ElectionService];

/**
 * Answers every call of our services with UNAVAILABLE and NO_LEADER.
 *
 * @param dialects those of the older protocols that are served.
 */
export function registerWaitingServices(
  router: ConnectRouter,
  dialects: readonly DialectName[],
): void {
  for (const service of [...SERVICES, ...dialects.flatMap((name) => DIALECT_SERVICES[name])]) {
    const refusals = service.methods.map((method) => [method.localName, refusalOf(method)]);
    router.service(service, Object.fromEntries(refusals) as ServiceImpl<typeof service>);
  }
}

function refusalOf({ methodKind }: DescMethod): () => unknown {
  const refuse = (): never => {
    throw connectErrorOf(notApplied("no_leader"));
  };
  const isStreaming = methodKind === "server_streaming" || methodKind === "bidi_streaming";
  return isStreaming ? () => endingBy(refuse) : refuse;
}

/** A stream that ends before its first message. */
async function* endingBy(refuse: () => never): AsyncGenerator<never> {
  yield refuse();
}
