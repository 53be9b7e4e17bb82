// SPDX-License-Identifier: Apache-2.0
/** Wakes the one who waits for something to do; a wake before the wait is not lost. */

export class SignalFlag {
  #isRaised = false;
  #resolve: (() => void) | undefined;

  raise(): void {
    this.#isRaised = true;
    this.#resolve?.();
  }

  /** Resolves once it has been raised since the last wait. */
  async wait(): Promise<void> {
    if (!this.#isRaised) {
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
      this.#resolve = undefined;
    }
    this.#isRaised = false;
  }
}
