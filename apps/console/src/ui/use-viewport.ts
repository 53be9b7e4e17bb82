// SPDX-License-Identifier: Apache-2.0
/** What of a scrolling element is seen, and whether the page is narrow. */

import type { RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

/** Below this width rows stand on two lines, tables become cards, and the navigation is at the foot. */
const NARROW = "(max-width: 719px)";

export function useIsNarrow(): boolean {
  const [isNarrow, setNarrow] = useState(() => matchMedia(NARROW).matches);
  useLayoutEffect(() => {
    const query = matchMedia(NARROW);
    const changed = (): void => setNarrow(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  return isNarrow;
}

export interface SeenPart {
  readonly scrollTop: number;
  readonly height: number;
}

/** Follows the scrolling and the size of an element, which is there for as long as its component. */
export function useSeenPart(ref: RefObject<HTMLElement | null>): SeenPart {
  const [seen, setSeen] = useState<SeenPart>({ scrollTop: 0, height: 0 });
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const measure = (): void => {
      const { scrollTop, clientHeight: height } = element;
      setSeen((before) =>
        before.scrollTop === scrollTop && before.height === height ? before : { scrollTop, height },
      );
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener("scroll", measure, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", measure);
    };
  }, [ref]);
  return seen;
}
