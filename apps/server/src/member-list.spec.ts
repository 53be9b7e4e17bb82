// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "vitest";
import { addressText, isWildcard, readAddress, readMemberList } from "./member-list.ts";

function faultsOf(text: string): readonly string[] {
  const outcome = readMemberList(text);
  return outcome.kind === "faults" ? outcome.faults : [];
}

describe("a list of members", () => {
  test("is sorted by node, its addresses as they are compared", () => {
    expect(readMemberList("20=Node-B.Example:1, 3=[FD00::1]:7403,01=10.0.0.1:2")).toEqual({
      kind: "list",
      members: [
        { node: 1, address: "10.0.0.1:2" },
        { node: 3, address: "[fd00::1]:7403" },
        { node: 20, address: "node-b.example:1" },
      ],
    });
  });

  test.each([
    ["", `"" must be N=HOST:PORT`],
    ["1=a:1,", `"" must be N=HOST:PORT`],
    ["a:1", `"a:1" must be N=HOST:PORT`],
    ["1:a:1", `"1:a:1" must be N=HOST:PORT`],
    ["1=a", `"1=a" must be N=HOST:PORT`],
    ["1=a:70000", `"1=a:70000" must be N=HOST:PORT`],
    ["1=http://a:1", `"1=http://a:1" must be N=HOST:PORT`],
    ["x=a:1", `"x=a:1" must be N=HOST:PORT`],
    ["0=a:1", `"0=a:1" must name a node from 1 to 65535`],
    ["65536=a:1", `"65536=a:1" must name a node from 1 to 65535`],
    ["1=a:0", `"1=a:0" must name a port from 1 to 65535`],
    ["1=0.0.0.0:1", `"1=0.0.0.0:1" must name a host that the others can reach`],
    ["1=[::]:1", `"1=[::]:1" must name a host that the others can reach`],
    ["1=a:1,2=b:2,1=c:3", `"1=c:3" names node 1 again, which is at a:1`],
    ["1=a:1,2=b:2,3=A:1", `"3=A:1" has the address of node 1`],
  ])("%s is refused, and the entry is named", (text, fault) => {
    expect(faultsOf(text)).toEqual([expect.stringContaining(fault)]);
  });

  test("tells all that is wrong at once", () => {
    expect(faultsOf("x,1=a:1,1=b:1,2=a:1")).toHaveLength(3);
  });

  test("has at most 64 nodes", () => {
    const entries = Array.from({ length: 65 }, (_, i) => `${i + 1}=h:${i + 1}`);
    expect(readMemberList(entries.slice(1).join(",")).kind).toBe("list");
    expect(faultsOf(entries.join(","))).toEqual(["has 65 entries; a cluster has at most 64 nodes"]);
  });
});

test.each(["0.0.0.0", "0", "::", "0:0:0:0:0:0:0:0", "::0", "*"])("%s is everywhere", (host) => {
  expect(isWildcard(host)).toBe(true);
});

test.each(["10.0.0.0", "::1", "fd00::", "zero", "0.0.0.1"])("%s is somewhere", (host) => {
  expect(isWildcard(host)).toBe(false);
});

test.each(["127.0.0.1:1", "[::1]:65535", "a.example:0"])("%s reads and writes alike", (text) => {
  const address = readAddress(text);
  expect(address && addressText(address)).toBe(text);
});
