// SPDX-License-Identifier: Apache-2.0
/** Which rows of a long list are drawn, and where it scrolls to. Arithmetic only. */

export interface Viewport {
  readonly scrollTop: number;
  readonly height: number;
  readonly rowHeight: number;
  readonly count: number;
}

export interface RowRange {
  readonly first: number;
  /** The row after the last one. */
  readonly end: number;
}

/** @param spare how many rows are drawn beyond each edge, so that scrolling shows no holes */
export function rowsInView(viewport: Viewport, spare: number): RowRange {
  const { scrollTop, height, rowHeight, count } = viewport;
  const top = Math.min(Math.max(0, scrollTop), Math.max(0, count * rowHeight - height));
  const first = Math.floor(top / rowHeight) - spare;
  const end = Math.ceil((top + height) / rowHeight) + spare;
  return { first: clamp(first, 0, count), end: clamp(end, 0, count) };
}

/** The least scrolling after which the whole row is seen. */
export function scrollToShow(row: number, { scrollTop, height, rowHeight }: Viewport): number {
  const top = row * rowHeight;
  if (top < scrollTop) return top;
  return Math.max(scrollTop, top + rowHeight - height);
}

/** The row that a key leads to from another (-1: from none); nothing for keys that lead nowhere. */
export function rowAfterKey(key: string, from: number, viewport: Viewport): number | undefined {
  const { height, rowHeight, count } = viewport;
  if (count === 0) return undefined;
  const page = Math.max(1, Math.floor(height / rowHeight) - 1);
  switch (key) {
    case "ArrowDown":
      return clamp(from + 1, 0, count - 1);
    case "ArrowUp":
      return clamp(from - 1, 0, count - 1);
    case "PageDown":
      return clamp(from + page, 0, count - 1);
    case "PageUp":
      return clamp(from - page, 0, count - 1);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return undefined;
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
