// SPDX-License-Identifier: Apache-2.0
/**
 * Gathers options as text from the command line, the environment and the file, the first of which
 * wins, and says of each where it came from. What a value means is not judged here.
 */

import { parseArgs } from "node:util";
import { z } from "zod";
import { serverFlags, variableOf } from "./server-flags.ts";

export interface RawOption {
  readonly text: string;
  /** As a person would name it: `--listen`, `CONCLAVE_SERVER_LISTEN`, `conclave.json: listen`. */
  readonly origin: string;
}

export interface RawOptions {
  /** By the flag's name; lists joined by commas. */
  readonly values: ReadonlyMap<string, RawOption>;
  /** One line for each, without a prefix. */
  readonly faults: readonly string[];
  readonly isHelpAsked: boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads a file as text, or throws. */
export type ReadText = (path: string) => string;

export function gatherOptions(
  argv: readonly string[],
  env: Environment,
  readText: ReadText,
): RawOptions {
  const faults: string[] = [];
  const file = fromFile(env["CONCLAVE_CONFIG"], readText, faults);
  const environment = fromEnvironment(env, faults);
  const { values, isHelpAsked } = fromArguments(argv, faults);
  return { values: new Map([...file, ...environment, ...values]), faults, isHelpAsked };
}

function fromArguments(argv: readonly string[], faults: string[]) {
  const options = Object.fromEntries(
    serverFlags.map(({ name, value }) => [
      name,
      { type: value === undefined ? ("boolean" as const) : ("string" as const) },
    ]),
  );
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true });
  const values = new Map<string, RawOption>();
  let isHelpAsked = false;
  for (const token of tokens) {
    if (token.kind === "positional")
      faults.push(`${token.value}: takes no arguments, only options`);
    if (token.kind !== "option") continue;
    const { name, rawName, value } = token;
    const flag = serverFlags.find((known) => known.name === name);
    if (name === "help" || rawName === "-h") isHelpAsked = true;
    else if (flag === undefined) faults.push(`${rawName}: no such option${hint(name)}`);
    else if (flag.value === undefined) {
      if (value !== undefined) faults.push(`${rawName}: takes no value`);
      values.set(name, { text: "true", origin: rawName });
    } else if (value === undefined || (!token.inlineValue && value.startsWith("--"))) {
      faults.push(`${rawName}: needs a value, ${rawName} ${flag.value}`);
    } else {
      const before = flag.isList ? values.get(name) : undefined;
      const text = before === undefined ? value : `${before.text},${value}`;
      values.set(name, { text, origin: rawName });
    }
  }
  return { values, isHelpAsked };
}

function fromEnvironment(env: Environment, faults: string[]): Map<string, RawOption> {
  const values = new Map<string, RawOption>();
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith("CONCLAVE_SERVER_") || text === undefined) continue;
    const flag = serverFlags.find((known) => variableOf(known) === variable);
    if (flag === undefined) faults.push(`${variable}: no such option`);
    else values.set(flag.name, { text, origin: variable });
  }
  return values;
}

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const fileShape = z.record(z.string(), z.union([scalar, z.array(z.string())]));

function fromFile(
  path: string | undefined,
  readText: ReadText,
  faults: string[],
): Map<string, RawOption> {
  const values = new Map<string, RawOption>();
  if (path === undefined || path === "") return values;
  let content: unknown;
  try {
    content = JSON.parse(readText(path));
  } catch (error) {
    faults.push(`CONCLAVE_CONFIG ${path}: ${reasonOf(error)}`);
    return values;
  }
  const parsed = fileShape.safeParse(content);
  if (!parsed.success) {
    for (const { path: at } of parsed.error.issues) {
      const where = at.length === 0 ? path : `${path}: ${at.join(".")}`;
      faults.push(
        `${where}: must be ${at.length === 0 ? "an object" : "text, a number or a list"}`,
      );
    }
    return values;
  }
  for (const [name, value] of Object.entries(parsed.data)) {
    const flag = serverFlags.find((known) => known.name === name);
    const origin = `${path}: ${name}`;
    if (flag === undefined) faults.push(`${origin}: no such option${hint(name, "")}`);
    else values.set(name, { text: Array.isArray(value) ? value.join(",") : String(value), origin });
  }
  return values;
}

/** The flag whose name is nearest, if it is near enough to have been meant. */
function hint(name: string, dashes = "--"): string {
  const distances = serverFlags.map((flag) => ({ flag, distance: editDistance(name, flag.name) }));
  const [nearest] = distances.sort((a, b) => a.distance - b.distance);
  if (nearest === undefined || nearest.distance > 3) return "; --help lists all";
  return `; did you mean ${dashes}${nearest.flag.name}?`;
}

/** How many letters must be put in, taken out or changed to make one word of the other. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (isSame ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
