// SPDX-License-Identifier: Apache-2.0
/** The console's own drawings, on a grid of 16. They decorate: a text beside each says the same. */

import type { VNode } from "preact";

const PATHS = {
  vacant: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM4.2 4.2l7.6 7.6",
  alone: "M8 2.2 14.2 13H1.8L8 2.2ZM8 6.4v3.2M8 11.3v.3",
  led: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM5.4 8.1l1.8 1.8 3.4-3.7",
  live: "M3 8a5 5 0 0 1 5-5M13 8a5 5 0 0 1-5 5M8 6.5a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3Z",
  stale:
    "M2.2 2.2l11.6 11.6M4.4 7.5A5.2 5.2 0 0 1 7 6.2M9.8 6.4a5 5 0 0 1 1.8 1.1M2 5.2a9 9 0 0 1 2.4-1.5M7 2.9a9 9 0 0 1 7 2.3M6.6 9.8a2.4 2.4 0 0 1 2.8 0M8 12.6v.2",
  waiting: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM8 5v3.2l2.2 1.4",
  elections: "M2.5 13.5h11M4 13.5V9M8 13.5V5.5M12 13.5V9M8 5.5l2.5-1.5L8 2.5v3",
  sessions:
    "M5.5 7.5a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4ZM1.8 13c0-2.2 1.6-3.5 3.7-3.5S9.2 10.8 9.2 13M10.5 3.4a2 2 0 0 1 0 3.9M11.3 9.6c1.8.2 2.9 1.5 2.9 3.4",
  events: "M5.5 4h8M5.5 8h8M5.5 12h8M2.4 4h.2M2.4 8h.2M2.4 12h.2",
  cluster:
    "M8 1.8l2.4 1.4v2.7L8 7.3 5.6 5.9V3.2L8 1.8ZM4.4 8.7l2.4 1.4v2.7l-2.4 1.4L2 12.8v-2.7l2.4-1.4ZM11.6 8.7l2.4 1.4v2.7l-2.4 1.4-2.4-1.4v-2.7l2.4-1.4Z",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9ZM10.3 10.3l3.4 3.4",
  close: "M3.8 3.8l8.4 8.4M12.2 3.8l-8.4 8.4",
  light:
    "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6ZM8 1.5v1.4M8 13.1v1.4M1.5 8h1.4M13.1 8h1.4M3.4 3.4l1 1M11.6 11.6l1 1M3.4 12.6l1-1M11.6 4.4l1-1",
  dark: "M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8Z",
  auto: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM8 2.5v11M10 4.2v7.6M12 6v4",
  keys: "M1.8 4.5h12.4v7H1.8zM4 7h.2M6.6 7h.2M9.2 7h.2M11.8 7h.2M5 9.4h6",
  crown: "M2.2 11.8 1.8 5l3.4 2.6L8 3.2l2.8 4.4L14.2 5l-.4 6.8H2.2Z",
  up: "M8 13V3.4M3.8 7.4 8 3.2l4.2 4.2",
  down: "M8 3v9.6M3.8 8.6 8 12.8l4.2-4.2",
  evict: "M6 3H3v10h3M7 8h6.4M10.8 5.2 13.6 8l-2.8 2.8",
  trash: "M2.8 4.4h10.4M6 4.4V2.8h4v1.6M4 4.4l.7 8.8h6.6l.7-8.8M6.6 7v3.8M9.4 7v3.8",
  copy: "M5.6 5.6h7.6v7.6H5.6zM3.4 10.4h-.6V2.8h7.6v.6",
  check: "M3 8.4l3.2 3.2L13 4.6",
  pause: "M5.4 3.2v9.6M10.6 3.2v9.6",
  play: "M4.6 3 12.6 8l-8 5V3Z",
  save: "M8 2.4v7.4M4.8 7 8 10.2 11.2 7M2.8 13h10.4",
  back: "M9.8 3.6 5.4 8l4.4 4.4",
  more: "M3.4 8h.2M7.9 8h.2M12.4 8h.2",
  failed: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM6 6l4 4M10 6l-4 4",
  info: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM8 7.4v3.2M8 5.2v.3",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }): VNode {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
