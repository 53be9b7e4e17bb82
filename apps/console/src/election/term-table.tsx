// SPDX-License-Identifier: Apache-2.0
/** The history of terms in words, newest first: what the strip shows, and the reasons. */

import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { dateText, durationText } from "../model/durations.ts";
import { Icon } from "../ui/icon.tsx";
import { CAUSES } from "./causes.ts";
import type { Span, TermHistory } from "./term-history.ts";

/** More are a page to scroll through; they are there for the asking. */
const SHOWN_AT_FIRST = 10;

export function TermTable(props: { readonly history: TermHistory; readonly nowMs: number }): VNode {
  const [isWhole, setWhole] = useState(false);
  const newestFirst = [...props.history].reverse();
  const shown = isWhole ? newestFirst : newestFirst.slice(0, SHOWN_AT_FIRST);
  const hidden = newestFirst.length - shown.length;
  return (
    <>
      <table class="table terms">
        <caption class="visually-hidden">History of terms, newest first</caption>
        <thead>
          <tr>
            <th scope="col">Term</th>
            <th scope="col">Leader</th>
            <th scope="col">Began</th>
            <th scope="col">Lasted</th>
            <th scope="col">Cause</th>
            <th scope="col">Reason</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((span) => (
            <TermRow
              key={`${span.kind} ${span.term} ${span.fromMs}`}
              span={span}
              nowMs={props.nowMs}
            />
          ))}
        </tbody>
      </table>
      {hidden > 0 && (
        <button type="button" class="button" onClick={() => setWhole(true)}>
          Show {hidden} more
        </button>
      )}
    </>
  );
}

function TermRow({ span, nowMs }: { readonly span: Span; readonly nowMs: number }): VNode {
  const look = CAUSES[span.cause];
  return (
    <tr>
      <th scope="row" class="number">
        {span.kind === "led" ? String(span.term) : "–"}
      </th>
      <td data-label="Leader">{whoOf(span)}</td>
      <td data-label="Began" class="number">
        {span.fromMs === null ? "not known" : dateText(span.fromMs)}
      </td>
      <td data-label="Lasted" class="number">
        {lastedText(span, nowMs)}
      </td>
      <td data-label="Cause">
        <span class={`cause hue-${look.hue}`}>
          <Icon name={look.icon} />
          {look.label}
        </span>
      </td>
      <td data-label="Reason" class="reason">
        {span.reason}
      </td>
    </tr>
  );
}

function whoOf(span: Span): VNode {
  if (span.kind === "led") return <span class="name">{span.leader}</span>;
  return <em>{span.kind === "vacant" ? "vacant" : "not known: missed"}</em>;
}

function lastedText({ kind, fromMs, toMs }: Span, nowMs: number): string {
  if (fromMs === null) return "not known";
  if (toMs !== null) return lengthText(toMs - fromMs);
  return kind === "unknown" ? "not known" : `${durationText(nowMs - fromMs)} so far`;
}

/** Short stretches are told apart by their tenths. */
function lengthText(ms: number): string {
  return ms < 10_000 ? `${(Math.max(0, ms) / 1_000).toFixed(1)} s` : durationText(ms);
}
