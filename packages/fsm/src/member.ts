// SPDX-License-Identifier: Apache-2.0
/** Who belongs to the cluster, as partition 1 lists it: what a member is, and when a list cannot be. */

/** A node as it last reported in: its data directory is told by the incarnation. */
export interface Member {
  /** 1 to 65,535. */
  readonly node: number;
  /** 0 for the members of the first start; any directory made later drew another number. */
  readonly incarnation: number;
  /** HOST:PORT. */
  readonly address: string;
}

/** A node that an operator has added and that has not reported in yet. */
export interface InvitedMember {
  readonly node: number;
  readonly address: string;
}

/** Whether two members share a number or an address: such a list names somebody twice. */
export function hasTwins(members: readonly InvitedMember[]): boolean {
  const nodes = new Set(members.map(({ node }) => node));
  const addresses = new Set(members.map(({ address }) => address));
  return nodes.size < members.length || addresses.size < members.length;
}
