// SPDX-License-Identifier: Apache-2.0
/** Why a node does not take another one's stream. */

import { type Refusal as RefusalMessage, RefusalReason } from "@conclave/api/peer";

export type PeerRefusalReason =
  | "malformed"
  | "protocol-version"
  | "foreign-cluster"
  | "other-node"
  | "not-a-member"
  | "other-incarnation"
  | "not-ready"
  | "replaced"
  | "silent";

export interface PeerRefusal {
  readonly reason: PeerRefusalReason;
  /** For people. */
  readonly detail: string;
}

const REASONS: Record<PeerRefusalReason, RefusalReason> = {
  malformed: RefusalReason.MALFORMED,
  "protocol-version": RefusalReason.PROTOCOL_VERSION,
  "foreign-cluster": RefusalReason.FOREIGN_CLUSTER,
  "other-node": RefusalReason.OTHER_NODE,
  "not-a-member": RefusalReason.NOT_A_MEMBER,
  "other-incarnation": RefusalReason.OTHER_INCARNATION,
  "not-ready": RefusalReason.NOT_READY,
  replaced: RefusalReason.REPLACED,
  silent: RefusalReason.SILENT,
};

export function refusalMessageOf({ reason, detail }: PeerRefusal): RefusalMessage {
  return { $typeName: "conclave.peer.v1.Refusal", reason: REASONS[reason], detail };
}

/** A reason that a later version has invented is read as the most general one. */
export function refusalOf({ reason, detail }: RefusalMessage): PeerRefusal {
  for (const name in REASONS) {
    const known = name as PeerRefusalReason;
    if (REASONS[known] === reason) return { reason: known, detail };
  }
  return { reason: "malformed", detail };
}
