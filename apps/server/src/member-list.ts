// SPDX-License-Identifier: Apache-2.0
/**
 * The list of members as `--cluster` gives it, 1=HOST:PORT,2=HOST:PORT, and what is wrong with one.
 *
 * It judges the list as text only: whether anybody answers at an address is seen later.
 */

/** A node and where the others reach it. */
export interface ListedMember {
  readonly node: number;
  /** HOST:PORT, an IPv6 host in brackets. */
  readonly address: string;
}

export interface Address {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

export type MemberListOutcome =
  /** Sorted by node. */
  | { readonly kind: "list"; readonly members: readonly ListedMember[] }
  /** One line for each, naming the entry. */
  | { readonly kind: "faults"; readonly faults: readonly string[] };

const NODE_MAX = 65_535;
/** As many as the state of partition 1 holds; replication gains nothing long before. */
const MEMBERS_MAX = 64;

/** Reads a list of members; every fault of every entry is told. */
export function readMemberList(text: string): MemberListOutcome {
  const faults: string[] = [];
  const members: ListedMember[] = [];
  for (const entry of text.split(",").map((piece) => piece.trim())) {
    const member = readEntry(entry);
    if (typeof member === "string") {
      faults.push(`"${entry}" ${member}`);
      continue;
    }
    const twin = members.find(({ node }) => node === member.node);
    const neighbour = members.find(({ address }) => address === member.address);
    if (twin !== undefined) {
      faults.push(`"${entry}" names node ${member.node} again, which is at ${twin.address}`);
    } else if (neighbour !== undefined) {
      faults.push(`"${entry}" has the address of node ${neighbour.node}`);
    }
    members.push(member);
  }
  if (members.length > MEMBERS_MAX) {
    faults.push(`has ${members.length} entries; a cluster has at most ${MEMBERS_MAX} nodes`);
  }
  if (faults.length > 0) return { kind: "faults", faults };
  return { kind: "list", members: members.sort((a, b) => a.node - b.node) };
}

/** HOST:PORT, as 127.0.0.1:7400 or [::1]:7400; undefined for anything else. */
export function readAddress(text: string): Address | undefined {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s=]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host !== undefined && port <= 65_535 ? { host, port } : undefined;
}

/** The other way round. */
export function addressText({ host, port }: Address): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** An address to listen on everywhere, which nobody can dial. */
export function isWildcard(host: string): boolean {
  return /^(0+(\.0+){0,3}|[0:]*:[0:]*|\*)$/.test(host);
}

/** The member, or what is wrong. */
function readEntry(entry: string): ListedMember | string {
  const [, digits, rest = ""] = /^(\d{1,5})=(.*)$/.exec(entry) ?? [];
  const node = Number(digits);
  const address = readAddress(rest);
  if (digits === undefined || address === undefined) {
    return "must be N=HOST:PORT, as 1=10.0.0.1:7400";
  }
  if (node < 1 || node > NODE_MAX) return `must name a node from 1 to ${NODE_MAX}`;
  if (isWildcard(address.host)) return "must name a host that the others can reach";
  if (address.port === 0) return "must name a port from 1 to 65535";
  return { node, address: addressText({ ...address, host: address.host.toLowerCase() }) };
}
