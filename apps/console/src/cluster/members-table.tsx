// SPDX-License-Identifier: Apache-2.0
/** Who belongs to the cluster. */

import type { ClusterMember } from "@conclave/client/cluster";
import type { VNode } from "preact";
import { Badge } from "../ui/badge.tsx";
import { Icon } from "../ui/icon.tsx";
import type { ClusterPicture, PartitionRow } from "./picture.ts";

export function MembersTable(props: {
  readonly picture: ClusterPicture;
  readonly rows: readonly PartitionRow[];
}): VNode {
  const { picture, rows } = props;
  return (
    <table class="table members">
      <caption class="visually-hidden">Members of the cluster</caption>
      <thead>
        <tr>
          <th scope="col">Node</th>
          <th scope="col">State</th>
          <th scope="col">Address</th>
          <th scope="col">Version</th>
          <th scope="col">Leads</th>
        </tr>
      </thead>
      <tbody>
        {picture.base.members.map((member) => (
          <tr key={member.node}>
            <th scope="row">
              Node {member.node}
              {member.isSelf && <small class="muted">serves this page</small>}
            </th>
            <td data-label="State">
              <MemberState member={member} />
            </td>
            <td data-label="Address" class="code">
              {member.address}
            </td>
            <td data-label="Version">{member.version || "not known"}</td>
            <td data-label="Leads">{ledText(rows, member.node)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function MemberState({ member }: { readonly member: ClusterMember }): VNode {
  if (member.isSelf || member.isConnected) {
    return (
      <Badge tone="good">
        <Icon name="check" />
        Connected
      </Badge>
    );
  }
  const isNew = member.incarnation === null;
  return (
    <Badge tone={isNew ? "plain" : "bad"}>
      <Icon name={isNew ? "waiting" : "failed"} />
      {isNew ? "Has not joined yet" : "Not reachable"}
    </Badge>
  );
}

function ledText(rows: readonly PartitionRow[], node: number): string {
  const led = rows.filter((row) => row.leader === node).map((row) => row.partition);
  if (led.length === 0) return "no partition";
  return `${led.length === 1 ? "partition" : "partitions"} ${led.join(", ")}`;
}
