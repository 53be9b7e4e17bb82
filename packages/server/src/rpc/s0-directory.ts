// SPDX-License-Identifier: Apache-2.0
/**
 * What a client of S0 asks before it knows where to go: which databases there are and where their
 * partitions live (`atomix.controller`), and which primitives (`atomix.metadata`) (semantics A5).
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  ControllerService,
  type DatabaseId,
  type DatabaseSchema,
  type GetPrimitivesRequest,
  type GetPrimitivesResponseSchema,
  MetadataService,
  type PartitionEndpointSchema,
  type PrimitiveMetadataSchema,
  PrimitiveType,
} from "@conclave/api/s0";
import type { PrimitiveKind } from "@conclave/fsm";
import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import type { ElectionNode } from "../replica/election-node.ts";
import { type ListPage, type ReadOutcome, readList } from "../replica/reads.ts";
import {
  type DialectFailure,
  dialectErrorOf,
  dialectFailure,
  failureOfDialectRead,
} from "./dialect-failure.ts";
import { type DialectServices, keyIn } from "./dialect-service.ts";

export function registerS0Directory(router: ConnectRouter, services: DialectServices): void {
  router.service(ControllerService, {
    getDatabases: ({ id }) => ({ databases: databases(services, id) }),
  });
  router.service(MetadataService, {
    getPrimitives: (request, context) => getPrimitives(services, request, context),
  });
}

/** There is one; whoever asks for another by its name is told of none. */
function databases(
  { node, options }: DialectServices,
  id: DatabaseId | undefined,
): MessageInitShape<typeof DatabaseSchema>[] {
  const { database: name } = options;
  if (id !== undefined && id.name !== "" && id.name !== name) return [];
  const namespace = id === undefined || id.namespace === "" ? options.s0.namespace : id.namespace;
  // Clients dial the first endpoint, whether there is one or not; a status they ask again.
  if (node.members().length === 0) throw dialectErrorOf(NO_MEMBERS, "s0");
  const partitions = node.partitions.map(({ number: partitionId }) => ({
    partitionId,
    endpoints: endpointsOf(node, partitionId),
  }));
  return [{ id: { name, namespace }, partitions }];
}

/** A cluster that has just been formed makes the list of its members as one of its first entries. */
const NO_MEMBERS: DialectFailure = dialectFailure("unavailable", "no member is listed yet");

/** Any node serves any partition. Its leader comes first, since clients dial the first. */
function endpointsOf(
  node: ElectionNode,
  partition: number,
): MessageInitShape<typeof PartitionEndpointSchema>[] {
  const leader = node.leaders().find((known) => known.partition === partition)?.node;
  const members = [...node.members()].sort((a, b) => a.node - b.node);
  const leading = members.filter((member) => member.node === leader);
  const others = members.filter((member) => member.node !== leader);
  return [...leading, ...others].map(({ address }) => endpointOf(address));
}

/** The host of an IPv6 address stands in brackets, which are no part of it. */
function endpointOf(address: string): MessageInitShape<typeof PartitionEndpointSchema> {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return { host, port: Number(address.slice(colon + 1)) };
}

const TYPES: readonly (readonly [PrimitiveType, PrimitiveKind])[] = [
  [PrimitiveType.ELECTION, "election"],
  [PrimitiveType.LEADER_LATCH, "latch"],
];
/** How many a page holds at most; the list is read to its end. */
const PAGE_MAX = 10_000;

/** Of all partitions, whichever the header names: a name lives on one of them only. */
async function getPrimitives(
  services: DialectServices,
  { namespace: asked, type: wanted }: GetPrimitivesRequest,
  context: HandlerContext,
): Promise<MessageInitShape<typeof GetPrimitivesResponseSchema>> {
  const { node } = services;
  const { namespace } = keyIn(services, "s0", "", asked);
  const giveUpAtMs = node.giveUpAtMs(context.timeoutMs());
  const primitives: MessageInitShape<typeof PrimitiveMetadataSchema>[] = [];
  for (const [type, primitive] of TYPES) {
    if (wanted !== PrimitiveType.UNKNOWN && wanted !== type) continue;
    let after: string | undefined;
    do {
      const page = await pageOf(node, primitive, namespace, after, giveUpAtMs);
      for (const { view } of page.views) {
        primitives.push({ type, name: { name: view.key.name, namespace } });
      }
      after = page.next;
    } while (after !== undefined);
  }
  return { header: {}, primitives };
}

async function pageOf(
  node: ElectionNode,
  primitive: PrimitiveKind,
  namespace: string,
  after: string | undefined,
  giveUpAtMs: number,
): Promise<ListPage> {
  const query = { primitive, namespace, prefix: "", isVacantOnly: false, after, limit: PAGE_MAX };
  const outcome = await new Promise<ReadOutcome<ListPage>>((settle) =>
    readList(node.partitions, query, giveUpAtMs, settle),
  );
  if (outcome.kind === "failed") throw dialectErrorOf(failureOfDialectRead(outcome), "s0");
  return outcome.value;
}
