// SPDX-License-Identifier: Apache-2.0
/** Asks before an election is deleted, by its name. */

import type { View } from "@conclave/client";
import type { VNode } from "preact";
import type { App } from "../model/app.ts";
import { ConfirmDialog } from "../ui/confirm-dialog.tsx";
import { failureText, PATIENCE_MS, StaleWarning } from "./verb-dialog.tsx";
import { deletionConsequence } from "./verbs.ts";

export function DeleteDialog(props: {
  readonly app: App;
  readonly namespace: string;
  readonly view: View;
  readonly onClose: () => void;
}): VNode {
  const { app, namespace, view, onClose } = props;
  const remove = async (reason: string): Promise<void> => {
    const election = await app.election(namespace, view.election);
    const signal = AbortSignal.timeout(PATIENCE_MS);
    await election.admin.delete({ revision: view.revision, reason, signal });
    app.notify("done", `${view.election} was deleted.`);
  };
  return (
    <ConfirmDialog
      title={`Delete ${view.election}`}
      confirmLabel="Delete the election"
      tone="danger"
      asksReason
      typed={view.election}
      onConfirm={remove}
      onClose={onClose}
      failureText={failureText}
    >
      <StaleWarning app={app} />
      {deletionConsequence(view).map((sentence) => (
        <p key={sentence}>{sentence}</p>
      ))}
    </ConfirmDialog>
  );
}
