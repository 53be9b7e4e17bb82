// SPDX-License-Identifier: Apache-2.0
/** What a page of the browser specs says on its console, one line each: a console outlives its page. */

export const MARK = "conclave-tab ";

export type Said =
  | { readonly kind: "held"; readonly term: string }
  | { readonly kind: "lost"; readonly term: string; readonly code: string }
  | { readonly kind: "state"; readonly state: string }
  | { readonly kind: "wrote"; readonly term: string; readonly value: number }
  | { readonly kind: "failed"; readonly message: string }
  /** What a page must never see: it counts as a failure of the spec. */
  | { readonly kind: "unhandled"; readonly message: string };

export interface SaidLine {
  /** One load of the page; consoles repeat what was said before a page came back. */
  readonly document: string;
  readonly number: number;
  readonly atMs: number;
  readonly said: Said;
}
