// SPDX-License-Identifier: Apache-2.0
/** Which node is what in which partition, and how far behind. */

import type { VNode } from "preact";
import { Icon, type IconName } from "../ui/icon.tsx";
import type { Cell, PartitionRow, Role } from "./picture.ts";

const ROLES: Readonly<Record<Role, { readonly icon: IconName; readonly label: string }>> = {
  leader: { icon: "crown", label: "Leader" },
  follower: { icon: "led", label: "Follower" },
  learner: { icon: "save", label: "Learner" },
  leaving: { icon: "evict", label: "Leaving" },
  unreachable: { icon: "failed", label: "Unreachable" },
  none: { icon: "vacant", label: "No replica" },
};

export function PartitionsTable(props: {
  readonly rows: readonly PartitionRow[];
  readonly onTransfer: (partition: number, node: number) => void;
}): VNode {
  const { rows, onTransfer } = props;
  const nodes = rows[0]?.cells.map((cell) => cell.node) ?? [];
  return (
    <table class="table partitions">
      <caption class="visually-hidden">Role of each node in each partition</caption>
      <thead>
        <tr>
          <th scope="col">Partition</th>
          {nodes.map((node) => (
            <th key={node} scope="col">
              Node {node}
            </th>
          ))}
          <th scope="col">Committed</th>
          <th scope="col">Applied</th>
          <th scope="col">Revision</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.partition}>
            <th scope="row">
              Partition {row.partition}
              <small class="muted">{leaderText(row)}</small>
            </th>
            {row.cells.map((cell) => (
              <td key={cell.node} data-label={`Node ${cell.node}`}>
                <RoleCell cell={cell} row={row} onTransfer={onTransfer} />
              </td>
            ))}
            <td data-label="Committed" class="number">
              {String(row.commitIndex)}
            </td>
            <td data-label="Applied" class="number">
              {String(row.appliedIndex)}
            </td>
            <td data-label="Revision" class="number">
              {String(row.revision)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function leaderText(row: PartitionRow): string {
  return row.leader === null ? "no leader known" : `Raft term ${row.raftTerm}`;
}

function RoleCell(props: {
  readonly cell: Cell;
  readonly row: PartitionRow;
  readonly onTransfer: (partition: number, node: number) => void;
}): VNode {
  const { cell, row, onTransfer } = props;
  const { icon, label } = ROLES[cell.role];
  const canLead = cell.role === "follower" && row.leader !== null;
  return (
    <span class={`role role-${cell.role}`}>
      <Icon name={icon} />
      <span>
        {label}
        <small class="muted">{lagText(cell)}</small>
      </span>
      {canLead && (
        <button
          type="button"
          class="icon-button"
          aria-label={`Let node ${cell.node} lead partition ${row.partition}`}
          title={`Let node ${cell.node} lead partition ${row.partition}`}
          onClick={() => onTransfer(row.partition, cell.node)}
        >
          <Icon name="up" />
        </button>
      )}
    </span>
  );
}

function lagText({ role, lag, takesSnapshot }: Cell): string {
  if (role !== "follower" && role !== "learner" && role !== "leaving") return "";
  if (takesSnapshot) return "takes a snapshot";
  if (lag === null) return "lag not known";
  return lag === 0n ? "level" : `${lag} behind`;
}
