// SPDX-License-Identifier: Apache-2.0
/**
 * Asks before an operator's verb, says what it will do, and does it: only if the election is still as
 * it was when this was said. What became of it is shown when a server has told it.
 */

import { type Election, ElectionError, type View } from "@conclave/client";
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { App } from "../model/app.ts";
import { clockText } from "../model/durations.ts";
import { ConfirmDialog } from "../ui/confirm-dialog.tsx";
import { useStore } from "../ui/use-store.ts";
import { refusalOf } from "./refusal.ts";
import { consequenceOf, type Verb } from "./verbs.ts";

/** How long an operator waits for an answer; the SDK alone would try for a minute. */
export const PATIENCE_MS = 10_000;

const TITLES: Readonly<Record<Verb, string>> = {
  anoint: "Anoint",
  promote: "Promote",
  demote: "Demote",
  evict: "Evict",
};

export function VerbDialog(props: {
  readonly app: App;
  readonly namespace: string;
  readonly view: View;
  readonly verb: Verb;
  readonly candidate: string;
  readonly onClose: () => void;
}): VNode {
  const { app, namespace, view, verb, candidate, onClose } = props;
  // What the operator decides on does not change under the hand.
  const [basis, setBasis] = useState(view);
  const consequence = consequenceOf(verb, candidate, basis);
  const isChange = consequence.kind === "change";
  const confirm = async (reason: string): Promise<void> => {
    if (!isChange) {
      throw new ElectionError("INVALID", consequence.why, { outcome: "not-applied" });
    }
    const election = await app.election(namespace, view.election);
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const options = { revision: basis.revision, reason, signal };
      const after = await election.admin[verb](candidate, options);
      app.notify("done", afterText(verb, candidate, after));
    } catch (error) {
      if (isOutdated(error)) setBasis(await presentView(election, basis));
      throw error;
    }
  };
  return (
    <ConfirmDialog
      title={`${TITLES[verb]} ${candidate}`}
      confirmLabel={isChange ? consequence.action : TITLES[verb]}
      tone={isChange && (consequence.movesOffice || verb === "evict") ? "danger" : "plain"}
      asksReason
      onConfirm={confirm}
      onClose={onClose}
      failureText={failureText}
    >
      <StaleWarning app={app} />
      {isChange && consequence.movesOffice && (
        <p class="moves-office">
          <strong>This moves the leadership.</strong>
        </p>
      )}
      {(isChange ? consequence.sentences : [consequence.why]).map((sentence) => (
        <p key={sentence}>{sentence}</p>
      ))}
      <ChangedNote basis={basis} view={view} onLook={() => setBasis(view)} />
    </ConfirmDialog>
  );
}

/** While no node is heard, what is said here may be over already. */
export function StaleWarning({ app }: { readonly app: App }): VNode | null {
  const link = useStore(app.link);
  if (link.kind !== "stale") return null;
  return (
    <p class="changed-note">
      This is how it was at {clockText(link.sinceMs)}. If the election has changed since, nothing
      will be done.
    </p>
  );
}

/** The view that was decided on is not the present one. */
function isOutdated(error: unknown): boolean {
  const { code } = ElectionError.from(error);
  return code === "CONFLICT" || code === "NOT_FOUND";
}

/** What the next decision is made on. */
function presentView(election: Election, known: View): Promise<View> {
  return election.get({ signal: AbortSignal.timeout(PATIENCE_MS) }).catch(() => known);
}

/** The election went on while the dialog was open: what it says would be refused. */
function ChangedNote(props: {
  readonly basis: View;
  readonly view: View;
  readonly onLook: () => void;
}): VNode | null {
  const { basis, view, onLook } = props;
  if (view.revision <= basis.revision) return null;
  return (
    <p class="changed-note" role="alert">
      The election has changed since this was opened. {stateText(view)}{" "}
      <button type="button" class="button" onClick={onLook}>
        Decide on the present state
      </button>
    </p>
  );
}

export function failureText(error: unknown): string {
  const { title, advice } = refusalOf(error);
  return advice === "" ? title : `${title} ${advice}`;
}

function stateText(view: View): string {
  if (view.leader === null) return `Nobody leads; the last term was ${view.term}.`;
  return `${view.leader.id} leads under term ${view.term}.`;
}

const DONE: Readonly<Record<Verb, string>> = {
  anoint: "anointed",
  promote: "promoted",
  demote: "demoted",
  evict: "evicted",
};

function afterText(verb: Verb, candidate: string, after: View): string {
  return `${candidate} was ${DONE[verb]}. ${stateText(after)}`;
}
