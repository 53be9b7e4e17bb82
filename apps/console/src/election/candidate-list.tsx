// SPDX-License-Identifier: Apache-2.0
/** The candidates in the order of succession, the leader first, and what may be done with each. */

import type { Candidate, View } from "@conclave/client";
import type { VNode } from "preact";
import { sessionHash } from "../model/route.ts";
import { Badge } from "../ui/badge.tsx";
import { Icon, type IconName } from "../ui/icon.tsx";
import { useIsNarrow } from "../ui/use-viewport.ts";
import { type Column, WindowList } from "../ui/window-list.tsx";
import { consequenceOf, VERBS, type Verb } from "./verbs.ts";

interface Place {
  readonly position: number;
  readonly candidate: Candidate;
}

/** Pressed while a row is active. */
const KEYS: Readonly<Record<string, Verb>> = { a: "anoint", p: "promote", d: "demote", e: "evict" };

const LOOKS: Readonly<Record<Verb, { readonly icon: IconName; readonly label: string }>> = {
  anoint: { icon: "crown", label: "Anoint" },
  promote: { icon: "up", label: "Promote" },
  demote: { icon: "down", label: "Demote" },
  evict: { icon: "evict", label: "Evict" },
};

export function CandidateList(props: {
  readonly view: View;
  readonly onVerb: (verb: Verb, candidate: string) => void;
}): VNode {
  const { view, onVerb } = props;
  const isNarrow = useIsNarrow();
  const places = placesOf(view);
  const onKey = (key: string, { candidate }: Place): boolean => {
    const verb = KEYS[key];
    if (verb === undefined) return false;
    onVerb(verb, candidate.id);
    return true;
  };
  return (
    <section class="card queue-card" aria-labelledby="queue-title">
      <h2 id="queue-title">Order of succession</h2>
      {places.length === 0 ? (
        <p class="muted">No candidates. Whoever enters first leads.</p>
      ) : (
        <>
          <p class="muted keys-hint">
            In the list: <kbd>↓</kbd> picks a candidate, <kbd>a</kbd> anoints, <kbd>p</kbd>{" "}
            promotes, <kbd>d</kbd> demotes, <kbd>e</kbd> evicts it.
          </p>
          <WindowList
            kind="queue"
            label="Candidates in order of succession"
            items={places}
            columns={columnsOf(view, onVerb)}
            keyOf={({ candidate }) => candidate.id}
            rowHeight={isNarrow ? 92 : 44}
            onKey={onKey}
          />
        </>
      )}
    </section>
  );
}

function placesOf({ leader, queue }: View): readonly Place[] {
  const all = leader === null ? queue : [leader, ...queue];
  return all.map((candidate, i) => ({ candidate, position: leader === null ? i + 1 : i }));
}

function columnsOf(
  view: View,
  onVerb: (verb: Verb, candidate: string) => void,
): readonly Column<Place>[] {
  return [
    {
      key: "candidate",
      label: "Candidate",
      render: ({ candidate }) => <span class="name">{candidate.id}</span>,
    },
    { key: "position", label: "Place", render: ({ position }) => placeBadge(position) },
    {
      key: "instance",
      label: "Instance",
      render: ({ candidate }) => (
        <a class="code" href={sessionHash(candidate.instance)} tabIndex={-1}>
          {candidate.instance}
        </a>
      ),
    },
    {
      key: "metadata",
      label: "Metadata",
      render: ({ candidate }) => metadataText(candidate.metadata),
    },
    {
      key: "verbs",
      label: "Actions",
      render: ({ candidate }) => <VerbButtons {...{ view, candidate: candidate.id, onVerb }} />,
    },
  ];
}

function placeBadge(position: number): VNode {
  if (position > 0) return <span class="number">{position === 1 ? "1, next" : position}</span>;
  return (
    <Badge tone="good">
      <Icon name="crown" />
      Leads
    </Badge>
  );
}

function metadataText(metadata: Candidate["metadata"]): VNode {
  const text = Object.entries(metadata)
    .map(([key, value]) => `${key}=${value}`)
    .join(", ");
  return text === "" ? <span class="muted">none</span> : <span title={text}>{text}</span>;
}

/** Not on the way of the Tab key: the list's own keys do the same. */
function VerbButtons(props: {
  readonly view: View;
  readonly candidate: string;
  readonly onVerb: (verb: Verb, candidate: string) => void;
}): VNode {
  const { view, candidate, onVerb } = props;
  return (
    <span class="verb-buttons">
      {VERBS.map((verb) => {
        const { icon, label } = LOOKS[verb];
        const consequence = consequenceOf(verb, candidate, view);
        const why = consequence.kind === "none" ? consequence.why : undefined;
        return (
          <button
            key={verb}
            type="button"
            tabIndex={-1}
            class={verb === "evict" ? "icon-button icon-button-danger" : "icon-button"}
            aria-label={`${label} ${candidate}`}
            title={why ?? label}
            disabled={why !== undefined}
            onClick={() => onVerb(verb, candidate)}
          >
            <Icon name={icon} />
          </button>
        );
      })}
    </span>
  );
}
