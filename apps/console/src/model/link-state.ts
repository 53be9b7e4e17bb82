// SPDX-License-Identifier: Apache-2.0
/** Whether what the console shows is the present. It is, only while every watch says so. */

export type LinkState =
  /** No node has answered yet. `failure` says why the last attempt failed, in words. */
  | { readonly kind: "connecting"; readonly failure: string | undefined }
  | { readonly kind: "live" }
  /** Everything shown is as old as this, in Unix milliseconds by this page's clock. */
  | { readonly kind: "stale"; readonly sinceMs: number };

/**
 * @param contacts of each watch: whether it is live
 * @param before what was said last: what is stale keeps the time at which it became so
 * @param sinceMs the last moment of which it was known that what is shown is the present
 */
export function linkStateOf(
  contacts: Iterable<boolean>,
  before: LinkState,
  sinceMs: number,
): LinkState {
  for (const isLive of contacts) {
    if (isLive) continue;
    return before.kind === "stale" ? before : { kind: "stale", sinceMs };
  }
  return before.kind === "live" ? before : { kind: "live" };
}
