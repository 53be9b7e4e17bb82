// SPDX-License-Identifier: Apache-2.0
/**
 * Asks before something is done, and for the reason. The browser's own modal dialog keeps the focus
 * inside and gives it back afterwards.
 */

import type { ComponentChildren, TargetedEvent, VNode } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icon.tsx";

export interface ConfirmDialogProps {
  readonly title: string;
  /** What will happen, in words. */
  readonly children: ComponentChildren;
  readonly confirmLabel: string;
  readonly tone?: "plain" | "danger";
  /** Asks for a reason of at most 256 bytes, which is kept with the change. */
  readonly asksReason?: boolean;
  /** What has to be typed before it can be confirmed. */
  readonly typed?: string;
  /** Does it. What it rejects with is shown, and the dialog stays open. */
  readonly onConfirm: (reason: string) => Promise<void>;
  readonly onClose: () => void;
  /** What a failure is told as. */
  readonly failureText: (error: unknown) => string;
}

/** What the server keeps of a reason. */
const REASON_BYTES_MAX = 256;

/** Open for as long as it is drawn. */
export function ConfirmDialog(props: ConfirmDialogProps): VNode {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState("");
  const [typed, setTyped] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string>();
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  const isReasonTooLong = new TextEncoder().encode(reason).length > REASON_BYTES_MAX;
  const mayConfirm = !isBusy && !isReasonTooLong && typed === (props.typed ?? "");
  const confirm = async (event: TargetedEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    if (!mayConfirm) return;
    setBusy(true);
    setFailure(undefined);
    try {
      await props.onConfirm(reason);
      props.onClose();
    } catch (error) {
      setFailure(props.failureText(error));
      setBusy(false);
    }
  };
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby={`${id}-title`}
      onCancel={(event) => {
        event.preventDefault();
        if (!isBusy) props.onClose();
      }}
    >
      <form onSubmit={(event) => void confirm(event)}>
        <h2 id={`${id}-title`}>{props.title}</h2>
        <div class="dialog-text">{props.children}</div>
        {props.typed !== undefined && (
          <TypedField expected={props.typed} typed={typed} setTyped={setTyped} />
        )}
        {props.asksReason && <ReasonField {...{ reason, setReason, isReasonTooLong }} />}
        {failure !== undefined && (
          <p class="dialog-failure" role="alert">
            <Icon name="failed" />
            <span>{failure}</span>
          </p>
        )}
        <div class="dialog-actions">
          <button type="button" class="button" disabled={isBusy} onClick={props.onClose}>
            Cancel
          </button>
          <button
            type="submit"
            class={`button button-${props.tone === "danger" ? "danger" : "main"}`}
            disabled={!mayConfirm}
          >
            {isBusy ? "Working…" : props.confirmLabel}
          </button>
        </div>
      </form>
    </dialog>
  );
}

function TypedField(props: {
  readonly expected: string;
  readonly typed: string;
  readonly setTyped: (typed: string) => void;
}): VNode {
  return (
    <label class="field">
      <span>
        Type <code>{props.expected}</code> to confirm
      </span>
      <input
        value={props.typed}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => props.setTyped(event.currentTarget.value)}
      />
    </label>
  );
}

function ReasonField(props: {
  readonly reason: string;
  readonly setReason: (reason: string) => void;
  readonly isReasonTooLong: boolean;
}): VNode {
  const id = useId();
  const { reason, setReason, isReasonTooLong } = props;
  return (
    <label class="field">
      <span>Reason</span>
      <input
        value={reason}
        autocomplete="off"
        placeholder="Why, for those who read the history"
        aria-invalid={isReasonTooLong}
        aria-describedby={`${id}-note`}
        onInput={(event) => setReason(event.currentTarget.value)}
      />
      <small id={`${id}-note`}>
        {isReasonTooLong
          ? `Too long: at most ${REASON_BYTES_MAX} bytes are kept.`
          : "Kept with the change and shown to everybody who watches."}
      </small>
    </label>
  );
}
