// SPDX-License-Identifier: Apache-2.0
/**
 * Where a watch can be resumed, as opaque bytes: the cluster and one revision per partition (A4).
 *
 * Clients keep tokens and hand them back to other nodes and later versions, so the first byte is the
 * format. Half of the cluster id tells clusters apart and keeps the token of every change short.
 */

import type { ResumePoint } from "../replica/watch.ts";
import { readVarint, writeVarint } from "./varint.ts";

const FORMAT = 1;
const CLUSTER_BYTES = 16;

export type DecodedResume =
  | { readonly kind: "point"; readonly point: ResumePoint }
  | { readonly kind: "malformed" }
  | { readonly kind: "other-cluster" };

export function encodeResume(clusterId: Uint8Array, point: ResumePoint): Uint8Array {
  const bytes: number[] = [FORMAT, ...clusterId.subarray(0, CLUSTER_BYTES)];
  for (const [partition, revision] of point) {
    writeVarint(bytes, BigInt(partition));
    writeVarint(bytes, revision);
  }
  return Uint8Array.from(bytes);
}

export function decodeResume(clusterId: Uint8Array, token: Uint8Array): DecodedResume {
  let offset = 1 + CLUSTER_BYTES;
  if (token[0] !== FORMAT || token.length < offset) return { kind: "malformed" };
  for (let i = 0; i < CLUSTER_BYTES; i++) {
    if (token[1 + i] !== clusterId[i]) return { kind: "other-cluster" };
  }
  const point = new Map<number, bigint>();
  while (offset < token.length) {
    const partition = readVarint(token, offset);
    const revision = partition && readVarint(token, partition.next);
    if (partition === undefined || revision === undefined) return { kind: "malformed" };
    point.set(Number(partition.value), revision.value);
    offset = revision.next;
  }
  return { kind: "point", point };
}
