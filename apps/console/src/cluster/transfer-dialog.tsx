// SPDX-License-Identifier: Apache-2.0
/** Asks before a partition gets another leader. */

import { ElectionError } from "@conclave/client";
import type { VNode } from "preact";
import type { App } from "../model/app.ts";
import { ConfirmDialog } from "../ui/confirm-dialog.tsx";

export function TransferDialog(props: {
  readonly app: App;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
  readonly onClose: () => void;
}): VNode {
  const { app, partition, from, to, onClose } = props;
  const transfer = async (): Promise<void> => {
    const led = await app.cluster.transferLeadership(to, partition);
    if (!led.includes(partition)) {
      throw new ElectionError("NO_QUORUM", `node ${to} has not taken partition ${partition} over`);
    }
    app.notify("done", `Node ${to} leads partition ${partition} now.`);
  };
  return (
    <ConfirmDialog
      title={`Let node ${to} lead partition ${partition}`}
      confirmLabel="Hand over"
      tone="danger"
      onConfirm={transfer}
      onClose={onClose}
      failureText={(error) => `It may not be done: ${ElectionError.from(error).message}.`}
    >
      <p>
        Node {from} leads partition {partition} now; node {to} will take over when its log is level.
      </p>
      <p>
        Elections keep their leaders and their terms. Commands to this partition wait for a moment.
      </p>
      <p>It stays there for ten minutes at least, unless the node fails.</p>
    </ConfirmDialog>
  );
}
