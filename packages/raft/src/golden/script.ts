// SPDX-License-Identifier: Apache-2.0
/**
 * The form of a golden script: a head comment, then blocks of commands, `----`, and the trace that
 * they are expected to leave; a blank line ends a block. Comments (`#`) may stand before any block.
 */

interface Block {
  /** Comment and blank lines before it, kept as they are. */
  readonly preface: readonly string[];
  readonly commands: readonly string[];
  readonly expected: readonly string[];
}

export interface Script {
  readonly blocks: readonly Block[];
  readonly coda: readonly string[];
}

const RULER = "----";

export function parseScript(text: string): Script {
  const blocks: Block[] = [];
  const lines = text.replace(/\n$/, "").split("\n");
  let preface: string[] = [];
  while (lines.length > 0) {
    if (isRemark(lines[0]!)) {
      preface.push(lines.shift()!);
      continue;
    }
    const commands = takeWhile(lines, (line) => line !== RULER && line !== "");
    if (lines[0] !== RULER) throw new Error(`no ${RULER} after: ${commands.join(" / ")}`);
    lines.shift();
    const expected = takeWhile(lines, (line) => line !== "");
    blocks.push({ preface, commands, expected });
    preface = [];
  }
  return { blocks, coda: preface };
}

/** The script as it would stand if `traces` were what it expects, block by block. */
export function formatScript(script: Script, traces: readonly (readonly string[])[]): string {
  const lines = script.blocks.flatMap(({ preface, commands }, i) => {
    return [...preface, ...commands, RULER, ...(traces[i] ?? [])];
  });
  return `${[...lines, ...script.coda].join("\n")}\n`;
}

function isRemark(line: string): boolean {
  return line === "" || line.startsWith("#");
}

function takeWhile(lines: string[], isTaken: (line: string) => boolean): string[] {
  const end = lines.findIndex((line) => !isTaken(line));
  return lines.splice(0, end < 0 ? lines.length : end);
}
