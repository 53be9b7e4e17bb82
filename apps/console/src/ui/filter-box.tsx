// SPDX-License-Identifier: Apache-2.0
/** Where one types what a list is to show. `/` leads here from anywhere, Escape empties it. */

import type { VNode } from "preact";
import { Icon } from "./icon.tsx";

/** By what the `/` key finds the filter of a screen. */
export const FILTER_ID = "filter";

export function FilterBox(props: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}): VNode {
  return (
    <label class="filter">
      <Icon name="search" />
      <span class="visually-hidden">{props.label}</span>
      <input
        id={FILTER_ID}
        type="search"
        placeholder={props.label}
        value={props.value}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => props.onChange(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          if (props.value === "") event.currentTarget.blur();
          else props.onChange("");
        }}
      />
      <span class="key" aria-hidden="true">
        /
      </span>
    </label>
  );
}
