// SPDX-License-Identifier: Apache-2.0
/**
 * Whether this node can serve now: the one answer that `/readyz` and the health service give.
 *
 * It asks and remembers; it decides nothing.
 */

export interface Readiness {
  readonly isShuttingDown: boolean;
  /** What keeps this node from serving everything, a line for each. */
  obstacles(): readonly string[];
  /** True while nothing does and no shutdown has begun. */
  isReady(): boolean;
  /** Calls `changed` whenever `isReady` has, and at shutdown; returns what removes it again. */
  subscribe(changed: () => void): () => void;
  /** To be called when an obstacle may have come or gone. */
  update(): void;
  /** Not ready, for good. */
  shutDown(): void;
}

export function createReadiness(obstacles: () => readonly string[]): Readiness {
  const subscribers = new Set<() => void>();
  let isShuttingDown = false;
  const isReady = (): boolean => !isShuttingDown && obstacles().length === 0;
  let wasReady = isReady();
  const tell = (): void => {
    wasReady = isReady();
    for (const changed of [...subscribers]) changed();
  };
  return {
    get isShuttingDown() {
      return isShuttingDown;
    },
    obstacles,
    isReady,
    subscribe(changed) {
      subscribers.add(changed);
      return () => subscribers.delete(changed);
    },
    update() {
      if (isReady() !== wasReady) tell();
    },
    shutDown() {
      isShuttingDown = true;
      tell();
    },
  };
}
