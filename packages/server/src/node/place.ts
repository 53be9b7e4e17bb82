// SPDX-License-Identifier: Apache-2.0
/** Whether a node that comes back listens where the other members will look for it. */

import { isAlone, membersOf } from "../member/identity.ts";
import type { FoundIdentity } from "../member/identity-text.ts";
import { failure } from "../member/member-failure.ts";
import type { NodeFailure, NodeOptions } from "./node-options.ts";

/**
 * HOST:PORT where others reach this node: as the options say, else as the members know it. Undefined
 * for a cluster of one, which is where it listens.
 */
export function placeOf(
  { address, port, node }: Pick<NodeOptions, "address" | "port" | "node">,
  found: FoundIdentity,
): { readonly kind: "place"; readonly address: string | undefined } | NodeFailure {
  if (address !== undefined || found.kind !== "found" || isAlone(found.identity)) {
    return { kind: "place", address };
  }
  const own = membersOf(found.identity).find((member) => member.node === node);
  if (own === undefined) return { kind: "place", address };
  if (Number(/\d+$/.exec(own.address)?.[0]) === port)
    return { kind: "place", address: own.address };
  const advice = "give --listen with that port, or where it has moved --join and --advertise";
  return failure("misplaced", `the other members know it at ${own.address}; ${advice}`);
}
