// SPDX-License-Identifier: Apache-2.0
/** What stands where data would: why there is none, and what to do about it. */

import type { ComponentChildren, VNode } from "preact";
import { Icon, type IconName } from "./icon.tsx";

export function EmptyState(props: {
  readonly icon: IconName;
  readonly title: string;
  readonly children?: ComponentChildren;
}): VNode {
  return (
    <div class="placeholder">
      <Icon name={props.icon} />
      <h2>{props.title}</h2>
      {props.children}
    </div>
  );
}

export function LoadingState({ label }: { readonly label: string }): VNode {
  return (
    <div class="placeholder" role="status">
      <span class="spinner" aria-hidden="true" />
      <p>{label}</p>
    </div>
  );
}

export function ErrorState(props: {
  readonly title: string;
  readonly message: string;
  readonly onRetry?: () => void;
}): VNode {
  return (
    <div class="placeholder placeholder-bad" role="alert">
      <Icon name="failed" />
      <h2>{props.title}</h2>
      <p>{props.message}</p>
      {props.onRetry && (
        <button type="button" class="button" onClick={props.onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}
