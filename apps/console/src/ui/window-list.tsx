// SPDX-License-Identifier: Apache-2.0
/**
 * A long table of which only the rows in sight exist. The table has the focus and points at its
 * active row, so that rows may come, go and move under it without the focus getting lost.
 */

// biome-ignore-all lint/a11y/useSemanticElements: a table of elements cannot leave out most of its rows
// biome-ignore-all lint/a11y/useFocusableInteractive: the grid has the focus and points at its active row

import type { ComponentChildren, RefObject, VNode } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { rowAfterKey, rowsInView, scrollToShow, type Viewport } from "../model/windowing.ts";
import { useSeenPart } from "./use-viewport.ts";

export interface Column<T> {
  readonly key: string;
  readonly label: string;
  readonly render: (item: T) => ComponentChildren;
}

export interface WindowListProps<T> {
  readonly label: string;
  readonly items: readonly T[];
  /** The first names the row. */
  readonly columns: readonly Column<T>[];
  readonly keyOf: (item: T) => string;
  /** All rows are this high, in CSS pixels; the style sheet lays their cells out within it. */
  readonly rowHeight: number;
  /** A class by which the style sheet knows this list's columns. */
  readonly kind: string;
  readonly onOpen?: (item: T) => void;
  /** Keys of the screen's own, pressed while a row is active. Answers whether it took the key. */
  readonly onKey?: (key: string, item: T) => boolean;
}

/** Rows drawn beyond each edge. */
const SPARE = 6;

/** Where each list of each address was left, so that one who comes back finds it again. */
const places = new Map<string, { readonly activeKey: string | undefined; readonly top: number }>();

export function WindowList<T>(props: WindowListProps<T>): VNode {
  const { items, columns, keyOf, rowHeight, kind } = props;
  const id = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const [place] = useState(() => `${kind} ${location.hash.split("?", 1)[0]}`);
  const [activeKey, setActiveKey] = useState(() => places.get(place)?.activeKey);
  const { scrollTop, height } = useSeenPart(scroller);
  usePlace(place, scroller, activeKey);
  const viewport: Viewport = { scrollTop, height, rowHeight, count: items.length };
  const { first, end } = rowsInView(viewport, SPARE);
  const active = activeKey === undefined ? -1 : items.findIndex((one) => keyOf(one) === activeKey);
  const isActiveDrawn = active >= first && active < end;
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target !== event.currentTarget) return;
    const item = items[active];
    if (event.key === "Enter" && item !== undefined) props.onOpen?.(item);
    const to = rowAfterKey(event.key, active, viewport);
    const target = to === undefined ? undefined : items[to];
    if (to === undefined || target === undefined) {
      if (item !== undefined && props.onKey?.(event.key, item)) event.preventDefault();
      return;
    }
    event.preventDefault();
    setActiveKey(keyOf(target));
    if (scroller.current) scroller.current.scrollTop = scrollToShow(to, viewport);
  };
  return (
    // The grid, the only thing in it that takes the focus, is what scrolls.
    <div
      ref={scroller}
      class={`grid grid-${kind}`}
      role="grid"
      tabIndex={0}
      aria-label={props.label}
      data-left={places.get(place)?.activeKey === undefined ? undefined : ""}
      aria-rowcount={items.length + 1}
      aria-activedescendant={isActiveDrawn ? `${id}-${active}` : undefined}
      onKeyDown={onKeyDown}
    >
      <div class="grid-head" role="row" aria-rowindex={1}>
        {columns.map((column) => (
          <div key={column.key} role="columnheader" class={`cell cell-${column.key}`}>
            {column.label}
          </div>
        ))}
      </div>
      <div class="grid-body" role="rowgroup" style={{ height: `${items.length * rowHeight}px` }}>
        {items.slice(first, end).map((item, offset) => {
          const index = first + offset;
          const key = keyOf(item);
          return (
            <Row
              key={key}
              {...{ item, index, columns, rowHeight, id: `${id}-${index}` }}
              isActive={index === active}
              onPick={() => setActiveKey(key)}
              onOpen={props.onOpen}
            />
          );
        })}
      </div>
    </div>
  );
}

function Row<T>(props: {
  readonly id: string;
  readonly item: T;
  readonly index: number;
  readonly columns: readonly Column<T>[];
  readonly rowHeight: number;
  readonly isActive: boolean;
  readonly onPick: () => void;
  readonly onOpen: ((item: T) => void) | undefined;
}): VNode {
  const { item, index, columns, rowHeight, isActive, onOpen } = props;
  const click = (event: MouseEvent): void => {
    props.onPick();
    const isLink = event.target instanceof Element && event.target.closest("a, button") !== null;
    // Whoever selects text does not mean to go anywhere.
    const isSelecting = (getSelection()?.toString() ?? "") !== "";
    if (!isLink && !isSelecting) onOpen?.(item);
  };
  const open = onOpen === undefined ? "" : " row-opens";
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: keys are heard by the grid, which has the focus
    <div
      id={props.id}
      class={`row${isActive ? " row-active" : ""}${open}`}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isActive}
      style={{ transform: `translateY(${index * rowHeight}px)`, height: `${rowHeight}px` }}
      onClick={click}
    >
      {columns.map((column, place) => (
        <div
          key={column.key}
          role={place === 0 ? "rowheader" : "gridcell"}
          class={`cell cell-${column.key}`}
        >
          {column.render(item)}
        </div>
      ))}
    </div>
  );
}

/** Goes back to where the list was left, and remembers where it is left. */
function usePlace(
  place: string,
  scroller: RefObject<HTMLDivElement | null>,
  activeKey: string | undefined,
): void {
  const latest = useRef(activeKey);
  latest.current = activeKey;
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    element.scrollTop = places.get(place)?.top ?? 0;
    return () => {
      places.set(place, { activeKey: latest.current, top: element.scrollTop });
    };
  }, [place]);
}
