// SPDX-License-Identifier: Apache-2.0
/**
 * The first start with a list of members: may this data directory act as the one that the list means,
 * or was there another before it?
 *
 * A function of what the other members answered in one round of asking; it asks nobody and keeps
 * nothing. The danger is a wiped voter that returns under its old name: an entry that it had
 * acknowledged, or a vote that it had given, would be gone, and a second leader of one raftTerm or a
 * lost entry could follow. So each directory draws a nonce when it is made, every member writes down
 * the nonces with which it formed, and a directory whose nonce differs from what any formed member
 * has written down knows that it came later (decision 0009).
 */

import { type Introduction, PEER_PROTOCOL_VERSION } from "../wire/introduction.ts";

/** What this node was told at its first start. */
export interface Founder {
  readonly node: number;
  /** In hex. */
  readonly clusterId: string;
  readonly partitionCount: number;
  readonly nonce: string;
  /** Itself included. */
  readonly listed: readonly { readonly node: number; readonly address: string }[];
}

export type FormationDecision =
  /** Write down `recorded`, then vote as incarnation 0. */
  | { readonly kind: "form"; readonly recorded: Readonly<Record<string, string>> }
  /** Draw an incarnation, write it down with `recorded`, and ask to be added. */
  | { readonly kind: "join"; readonly recorded: Readonly<Record<string, string>> }
  /** Ask again. `silent` have not answered. */
  | { readonly kind: "wait"; readonly reason: "silent"; readonly silent: readonly number[] }
  /**
   * Ask again, but hardly in hope: `joining` have seen a cluster of which no member is left, so a
   * majority of its directories is gone. Only a person may decide to begin anew.
   */
  | { readonly kind: "wait"; readonly reason: "majority-lost"; readonly joining: readonly number[] }
  /** `node` was told something else at its start. */
  | { readonly kind: "refuse"; readonly node: number; readonly difference: string };

/** @param answers of one round, by the number under which the node is listed. */
export function decideFormation(
  self: Founder,
  answers: ReadonlyMap<number, Introduction>,
): FormationDecision {
  const others = self.listed.filter(({ node }) => node !== self.node);
  for (const { node, address } of others) {
    const answer = answers.get(node);
    const difference =
      answer === undefined ? undefined : differenceOf(self, { node, address }, answer);
    if (difference !== undefined) return { kind: "refuse", node, difference };
  }
  const heard = others.flatMap(({ node }) => answers.get(node) ?? []);
  const formed = heard.filter(({ state }) => state === "formed");
  const recorded = Object.assign({}, ...formed.map((answer) => answer.recorded));
  const wasReplaced = formed.some((answer) => answer.recorded[self.node] !== self.nonce);
  // To join is safe whoever is silent: nothing that this directory does afterwards bears the old name.
  if (wasReplaced) return { kind: "join", recorded };

  const silent = others.map(({ node }) => node).filter((node) => !answers.has(node));
  if (silent.length > 0) return { kind: "wait", reason: "silent", silent };
  if (formed.length > 0) return { kind: "form", recorded };
  const joining = heard.filter(({ state }) => state === "joining").map(({ node }) => node);
  // A directory that joins was told so by a formed one. If that one is unformed now, it was wiped too.
  if (joining.length > 0) return { kind: "wait", reason: "majority-lost", joining };
  const seen = heard.map(({ node, nonce }) => [String(node), nonce]);
  return { kind: "form", recorded: Object.fromEntries([...seen, [self.node, self.nonce]]) };
}

/**
 * Whether a node that found rot may set its log aside and join anew: a leader that somebody hears
 * shows that the others need nothing of what this node had.
 */
export function isMajorityIntact(answers: Iterable<Introduction>): boolean {
  for (const { hasLeader } of answers) if (hasLeader) return true;
  return false;
}

function differenceOf(
  self: Founder,
  asked: { readonly node: number; readonly address: string },
  answer: Introduction,
): string | undefined {
  if (answer.protocolVersion !== PEER_PROTOCOL_VERSION) {
    const { protocolVersion, version } = answer;
    return `node ${asked.node} (version ${version}) speaks protocol ${protocolVersion} between nodes, this one ${PEER_PROTOCOL_VERSION}`;
  }
  if (answer.clusterId !== self.clusterId) return foreignnessOf(self, asked.node, answer);
  if (answer.node !== asked.node) {
    return `${asked.address} is listed as node ${asked.node} and answers as node ${answer.node}`;
  }
  return undefined;
}

/** Why two cluster ids differ, which are digests of the list, the number of partitions and the token. */
function foreignnessOf(self: Founder, node: number, answer: Introduction): string {
  if (answer.listed.length === 0) return `node ${node} was started without this list of members`;
  const theirs = new Map(answer.listed.map((entry) => [entry.node, entry.address]));
  for (const { node: listed, address } of self.listed) {
    const other = theirs.get(listed);
    theirs.delete(listed);
    if (other === undefined) return `node ${node} does not list ${listed}=${address}`;
    if (other === address) continue;
    return `node ${node} lists ${listed}=${other} where this node lists ${listed}=${address}`;
  }
  for (const [listed, address] of theirs) {
    return `node ${node} lists ${listed}=${address}, which this node does not`;
  }
  if (answer.partitionCount !== self.partitionCount) {
    return `node ${node} was started with ${answer.partitionCount} partitions, this one with ${self.partitionCount}`;
  }
  return `node ${node} was started with another cluster token`;
}
