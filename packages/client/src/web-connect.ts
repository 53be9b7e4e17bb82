// SPDX-License-Identifier: Apache-2.0
/** The Connect protocol, version 1, as a client needs it: binary messages, refusals in JSON. */

import { create, fromBinary } from "@bufbuild/protobuf";
import { ErrorInfoSchema, type FrameError, FrameErrorSchema } from "@conclave/api";
import { ENVELOPE_END } from "@conclave/api/envelope";
import type { WebProtocol } from "./web-transport-protocol.ts";

interface JsonError {
  readonly code?: unknown;
  readonly message?: string;
  readonly details?: readonly { readonly type?: string; readonly value?: string }[];
}

export const connectProtocol: WebProtocol = {
  contentType: (isStream) => (isStream ? "application/connect+proto" : "application/proto"),
  headers: { "connect-protocol-version": "1" },
  isEnveloped: (isStream) => isStream,
  endFlag: ENVELOPE_END,
  end: (message) => errorOf(JSON.parse(new TextDecoder().decode(message)).error),
  async refusal(response) {
    const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
    if (response.ok || !isJson) return undefined;
    return errorOf(await response.json().catch(() => undefined));
  },
};

/** Undefined for what is no error of this protocol: a proxy may answer with JSON of its own. */
function errorOf(error: JsonError | null | undefined): FrameError | undefined {
  if (typeof error?.code !== "string") return undefined;
  const { code, message = "", details = [] } = error;
  const value = details.find(({ type }) => type === ErrorInfoSchema.typeName)?.value;
  const info = value === undefined ? {} : { info: fromBinary(ErrorInfoSchema, bytesOf(value)) };
  return create(FrameErrorSchema, { code, message, ...info });
}

/** From base64, with padding or without. */
export function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}
