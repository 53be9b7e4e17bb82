// SPDX-License-Identifier: Apache-2.0
/** What members are, as bytes and along a log. */

import { createPrng } from "@conclave/base";
import { expect, test } from "vitest";
import { replicaIdOf } from "../ids.ts";
import { decodeConfiguration, encodeConfiguration, membersOf } from "./configuration.ts";
import { Configurations } from "./configurations.ts";

const ALONE = { voters: [1], outgoing: [], learners: [] };
const THREE = { voters: [1, 2, 3], outgoing: [1], learners: [4] };

test("a configuration is read as it was written", () => {
  const prng = createPrng(31n);
  for (let round = 0; round < 1_000; round++) {
    const replicas = (): number[] => {
      const count = prng.below(8);
      return Array.from({ length: count }, () => {
        return replicaIdOf(1 + prng.below(65_535), prng.nextUint32());
      });
    };
    const configuration = { voters: replicas(), outgoing: replicas(), learners: replicas() };

    expect(decodeConfiguration(encodeConfiguration(configuration))).toEqual(configuration);
  }
});

test("bytes that no configuration gives are not read as one", () => {
  const bytes = encodeConfiguration(THREE);

  for (let length = 0; length < bytes.length; length++) {
    expect(decodeConfiguration(bytes.subarray(0, length))).toBeUndefined();
  }
  expect(decodeConfiguration(new Uint8Array([...bytes, 0]))).toBeUndefined();
  expect(decodeConfiguration(bytes.with(bytes.length - 1, 255))).toBeUndefined();
});

test("everybody is a member once, whatever sets it is in", () => {
  expect(membersOf(THREE)).toEqual([1, 2, 3, 4]);
});

test("the last configuration in the log is in use, and when it is cut off the one before it", () => {
  const configurations = new Configurations({ index: 0, configuration: ALONE });
  configurations.append(5, THREE);
  expect(configurations.inUse).toEqual({ index: 5, configuration: THREE });

  configurations.truncateFrom(5);

  expect(configurations.inUse).toEqual({ index: 0, configuration: ALONE });
});

test("a snapshot's configuration is the one in use at its index, before and after it is forgotten", () => {
  const configurations = new Configurations({ index: 0, configuration: ALONE });
  configurations.append(5, THREE);
  expect([configurations.at(4), configurations.at(5)]).toEqual([ALONE, THREE]);
  expect(configurations.from(4)).toEqual([ALONE, THREE]);

  configurations.compactTo(6);

  expect([configurations.at(6), configurations.from(6)]).toEqual([THREE, [THREE]]);
  expect(() => configurations.at(4)).toThrow(/R6/);
});

test("a member that votes twice, or votes and learns, is a bug, and so is a change to nobody", () => {
  const twice = { voters: [1, 2, 1], outgoing: [], learners: [] };
  const both = { voters: [1], outgoing: [], learners: [1] };
  const nobody = { voters: [], outgoing: [1], learners: [] };

  expect(() => new Configurations({ index: 0, configuration: twice })).toThrow(/R15/);
  expect(() => new Configurations({ index: 0, configuration: both })).toThrow(/R15/);
  expect(() => new Configurations({ index: 0, configuration: nobody })).toThrow(/R15/);
});
