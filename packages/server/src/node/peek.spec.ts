// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { protocolOf } from "./peek.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test.each([
  ["", undefined],
  ["P", undefined],
  ["PR", undefined],
  ["PRI", "http2"],
  ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2"],
  ["PO", "http1"],
  ["POST", "http1"],
  ["PUT", "http1"],
  ["PROPFIND", "http1"],
  ["GET / HTTP/1.1", "http1"],
  ["\x16", "tls"],
  ["\x16\x03\x01", "tls"],
  ["\x00\x00\x00", "http1"],
])("a connection that begins with %j speaks %s", (first, protocol) => {
  expect(protocolOf(bytes(first))).toBe(protocol);
});
