// SPDX-License-Identifier: Apache-2.0
/**
 * gRPC-web, binary, for paths through proxies that know it and not Connect. How a call ended stands in
 * a last envelope of trailers, or, of a call without messages, in the headers.
 */

import { create, fromBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { type ErrorInfo, ErrorInfoSchema, type FrameError, FrameErrorSchema } from "@conclave/api";
import { bytesOf } from "./web-connect.ts";
import type { WebProtocol } from "./web-transport-protocol.ts";

/** By number, as the specification of gRPC has them; in the words of Connect. */
const CODES: readonly string[] =
  "ok canceled unknown invalid_argument deadline_exceeded not_found already_exists permission_denied resource_exhausted failed_precondition aborted out_of_range unimplemented internal unavailable data_loss unauthenticated".split(
    " ",
  );

export const grpcWebProtocol: WebProtocol = {
  contentType: () => "application/grpc-web+proto",
  headers: { "x-grpc-web": "1" },
  isEnveloped: () => true,
  endFlag: 0x80,
  end: (message) => errorOf(trailersOf(new TextDecoder().decode(message))),
  refusal: async ({ headers }) => errorOf(headers),
};

function trailersOf(text: string): Headers {
  const trailers = new Headers();
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) trailers.append(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  return trailers;
}

function errorOf(trailers: Headers): FrameError | undefined {
  const status = Number(trailers.get("grpc-status") ?? 0);
  if (status === 0) return undefined;
  const details = trailers.get("grpc-status-details-bin");
  const info = details === null ? undefined : infoOf(bytesOf(details));
  return create(FrameErrorSchema, {
    code: CODES[status] ?? "unknown",
    message: unescaped(trailers.get("grpc-message") ?? ""),
    ...(info === undefined ? {} : { info }),
  });
}

/** It is for reading only: one that is badly escaped is shown as it came. */
function unescaped(message: string): string {
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}

/** Of a google.rpc.Status: its third field holds details, each a google.protobuf.Any. */
function infoOf(status: Uint8Array): ErrorInfo | undefined {
  for (const detail of fieldsOf(status).get(3) ?? []) {
    const [typeUrl] = fieldsOf(detail).get(1) ?? [];
    const [value] = fieldsOf(detail).get(2) ?? [];
    const isInfo = new TextDecoder().decode(typeUrl).endsWith(`/${ErrorInfoSchema.typeName}`);
    if (isInfo) return fromBinary(ErrorInfoSchema, value ?? new Uint8Array());
  }
  return undefined;
}

/** The fields that have a length, by number. */
function fieldsOf(message: Uint8Array): Map<number, Uint8Array[]> {
  const fields = new Map<number, Uint8Array[]>();
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    // 2: of a length.
    if (wireType !== 2) reader.skip(wireType, number);
    else fields.set(number, [...(fields.get(number) ?? []), reader.bytes()]);
  }
  return fields;
}
