// SPDX-License-Identifier: Apache-2.0
/** Binds stores to components: a component that reads one is drawn anew when it changes. */

import { useLayoutEffect, useReducer } from "preact/hooks";
import type { App } from "../model/app.ts";
import type { Store } from "../model/store.ts";

export function useStore<T>(store: Store<T>): T {
  const [, redraw] = useReducer((count: number, _: undefined) => count + 1, 0);
  const value = store.get();
  useLayoutEffect(() => {
    const changed = (): void => redraw(undefined);
    // What changed between drawing and listening would otherwise be missed.
    if (!Object.is(store.get(), value)) changed();
    return store.subscribe(changed);
  }, [store]);
  return value;
}

/** The moment that what is shown is true for: now, or, while it is stale, when it became so. */
export function useShownTime(app: App): number {
  const now = useStore(app.now);
  const link = useStore(app.link);
  return link.kind === "stale" ? link.sinceMs : now;
}
