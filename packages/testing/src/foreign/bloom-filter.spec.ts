// SPDX-License-Identifier: Apache-2.0
// The filter of these tests' own S1 client, against the vectors that the original's library made.
import { expect, test } from "vitest";
import { bloomFilter, rawLocations } from "./bloom-filter.ts";

test.each([
  { open: [], json: '{"m":1,"k":9223372036854775808,"b":"AAAAAAAAAAA="}' },
  { open: [2n], json: '{"m":7,"k":5,"b":"AAAAAAAAAAcAAAAAAAAAXA=="}' },
  { open: [1n], json: '{"m":7,"k":5,"b":"AAAAAAAAAAcAAAAAAAAAFQ=="}' },
  { open: [5n, 6n, 9n], json: '{"m":19,"k":5,"b":"AAAAAAAAABMAAAAAAAQo1g=="}' },
  {
    open: [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 10n],
    json: '{"m":63,"k":5,"b":"AAAAAAAAAD9Wo9Km_1XHSQ=="}',
  },
])("the filter over $open is the one that Go makes", ({ open, json }) => {
  expect(bloomFilter(open)).toBe(json);
});

test("the raw locations of 2 are those of Go", () => {
  expect(rawLocations(2n, 5)).toEqual([
    10227862245760187023n,
    17808881999732707719n,
    14918514177413053367n,
    16566707032244742879n,
    17847644934781328671n,
  ]);
});
