// SPDX-License-Identifier: Apache-2.0
/** Light, dark, or as the system has it: the choice is kept in this browser. */

import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { Icon, type IconName } from "./icon.tsx";

type Theme = "auto" | "light" | "dark";

const STORED_AS = "conclave-theme";
const NEXT: Readonly<Record<Theme, Theme>> = { auto: "light", light: "dark", dark: "auto" };
const ICONS: Readonly<Record<Theme, IconName>> = { auto: "auto", light: "light", dark: "dark" };
const WORDS: Readonly<Record<Theme, string>> = {
  auto: "as the system has it",
  light: "light",
  dark: "dark",
};

/** Before the page is drawn, so that it does not flash in other colours. */
export function applyStoredTheme(): void {
  applyTheme(storedTheme());
}

export function ThemeButton(): VNode {
  const [theme, setTheme] = useState(storedTheme);
  const label = `Colours: ${WORDS[theme]}. Change to ${WORDS[NEXT[theme]]}`;
  const change = (): void => {
    const next = NEXT[theme];
    setTheme(next);
    applyTheme(next);
    try {
      localStorage.setItem(STORED_AS, next);
    } catch {
      // A browser that keeps nothing still shows what was chosen until the page is left.
    }
  };
  return (
    <button type="button" class="icon-button" aria-label={label} title={label} onClick={change}>
      <Icon name={ICONS[theme]} />
    </button>
  );
}

function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem(STORED_AS);
    return stored === "light" || stored === "dark" ? stored : "auto";
  } catch {
    return "auto";
  }
}

function applyTheme(theme: Theme): void {
  const { dataset } = document.documentElement;
  if (theme === "auto") delete dataset["theme"];
  else dataset["theme"] = theme;
}
