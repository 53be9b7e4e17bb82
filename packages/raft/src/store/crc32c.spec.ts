// SPDX-License-Identifier: Apache-2.0
/** The fast checksum against the published check value and against one that does a bit at a time. */

import { createPrng } from "@conclave/base";
import { expect, test } from "vitest";
import { crc32c } from "./crc32c.ts";

test("the check value of CRC-32C is e3069283", () => {
  expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
});

test("eight bytes at a step give what one bit at a step gives", () => {
  const prng = createPrng(7n);
  for (let round = 0; round < 2_000; round++) {
    const bytes = Uint8Array.from({ length: prng.below(70) }, () => prng.below(256));
    const start = prng.below(bytes.length + 1);

    expect(crc32c(bytes, start)).toBe(bitByBit(bytes.subarray(start)));
  }
});

test("a checksum over two ranges is the checksum of both together", () => {
  const prng = createPrng(8n);
  for (let round = 0; round < 200; round++) {
    const bytes = Uint8Array.from({ length: 40 }, () => prng.below(256));
    const cut = prng.below(41);

    expect(crc32c(bytes, cut, 40, crc32c(bytes, 0, cut))).toBe(crc32c(bytes));
  }
});

function bitByBit(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) {
      const isOdd = ((crc ^ (byte >>> bit)) & 1) === 1;
      crc = (crc >>> 1) ^ (isOdd ? 0x82f63b78 : 0);
    }
  }
  return (crc ^ 0xffffffff) >>> 0;
}
