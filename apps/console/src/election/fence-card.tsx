// SPDX-License-Identifier: Apache-2.0
/** Code to fence with, to copy. */

import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Icon } from "../ui/icon.tsx";
import { fenceSnippets, type Snippet } from "./snippets.ts";

/** How long the button says that it has copied. */
const SAID_MS = 2_000;

export function FenceCard(props: {
  readonly namespace: string;
  readonly name: string;
  readonly term: bigint;
}): VNode {
  const snippets = fenceSnippets(props.namespace, props.name, props.term);
  const [id, setId] = useState<Snippet["id"]>("typescript");
  const chosen = snippets.find((snippet) => snippet.id === id) as Snippet;
  return (
    <section class="card fence-card" aria-labelledby="fence-title">
      <h2 id="fence-title">Fence with the term</h2>
      <p class="muted">
        A leader that was paused may go on writing. What it writes to can refuse it, by its term.
      </p>
      <fieldset class="segments">
        <legend class="visually-hidden">Language</legend>
        {snippets.map((snippet) => (
          <label key={snippet.id} class="segment">
            <input
              type="radio"
              name="snippet"
              checked={snippet.id === id}
              onChange={() => setId(snippet.id)}
            />
            <span>{snippet.label}</span>
          </label>
        ))}
      </fieldset>
      <p>{chosen.about}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <pre class="snippet" tabIndex={0}>
        <code>{chosen.code}</code>
      </pre>
      <CopyButton key={chosen.id} text={chosen.code} />
    </section>
  );
}

function CopyButton({ text }: { readonly text: string }): VNode {
  const [said, setSaid] = useState<"" | "Copied" | "Could not copy: select the text instead">("");
  useEffect(() => {
    if (said === "") return;
    const timer = setTimeout(() => setSaid(""), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async (): Promise<void> => {
    setSaid((await copied(text)) ? "Copied" : "Could not copy: select the text instead");
  };
  return (
    <p class="copy">
      <button type="button" class="button" onClick={() => void copy()}>
        <Icon name={said === "Copied" ? "check" : "copy"} />
        Copy
      </button>
      <span role="status">{said}</span>
    </p>
  );
}

/** The clipboard is there on https and on localhost only; elsewhere the old way still works. */
async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedBySelection(text);
  }
}

function copiedBySelection(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  const focused = document.activeElement;
  area.select();
  try {
    return document.execCommand("copy");
  } finally {
    area.remove();
    if (focused instanceof HTMLElement) focused.focus();
  }
}
