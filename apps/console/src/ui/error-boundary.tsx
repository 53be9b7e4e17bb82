// SPDX-License-Identifier: Apache-2.0
/** A screen that fails to draw says so in its place; the way to the others stays. */

import { Component, type ComponentChildren } from "preact";
import { ErrorState } from "./empty-state.tsx";

interface Props {
  readonly children: ComponentChildren;
}

interface State {
  readonly failure: string | undefined;
}

export class ErrorBoundary extends Component<Props, State> {
  override state: State = { failure: undefined };

  static override getDerivedStateFromError(error: unknown): State {
    return { failure: error instanceof Error ? error.message : String(error) };
  }

  override componentDidCatch(error: unknown): void {
    console.error(error);
  }

  override render(): ComponentChildren {
    const { failure } = this.state;
    if (failure === undefined) return this.props.children;
    return (
      <div class="screen">
        <ErrorState
          title="This screen could not be drawn"
          message={failure}
          onRetry={() => this.setState({ failure: undefined })}
        />
      </div>
    );
  }
}
