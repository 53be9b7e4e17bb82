// SPDX-License-Identifier: Apache-2.0
/** `get`, `ls` and `watch`: look at elections without entering them. */

import type { Change, Client, View } from "@conclave/client";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import {
  addClusterOptions,
  addOutputOption,
  type ClusterOptions,
  integerArgument,
  type OutputOptions,
  withClient,
} from "../cluster-options.ts";
import { CliError, EXIT } from "../exit-code.ts";
import { changeToJson, toJsonText, viewToJson } from "../output/json.ts";
import { createChangeLines } from "../output/lines.ts";
import { listTable, viewTable } from "../output/tables.ts";
import { abortOnStop } from "../stops.ts";

interface ReadOptions extends ClusterOptions, OutputOptions {}

/** Adds the three commands to the program. */
export function addReadCommands(program: Command, context: CliContext): void {
  addGet(program, context);
  addList(program, context);
  addWatch(program, context);
}

function addGet(program: Command, context: CliContext): void {
  const command = program
    .command("get")
    .description("Show one election: its term, its leader and who waits.")
    .argument("<name>", "the election")
    .option("--stale", "ask any node, at once; the answer may be old")
    .addHelpText("after", "\nExample:\n  conclave get orders -o json | jq .term");
  addOutputOption(addClusterOptions(command));
  command.action(async (name: string, options: ReadOptions & { readonly stale?: true }) => {
    const view = await withClient(options, context, (client) =>
      client.election(name).get({ read: options.stale ? "stale" : "linearizable" }),
    );
    // A name that nobody has entered reads as vacant at revision 0: most often it is misspelt.
    if (view.revision === 0n) {
      throw new CliError(
        EXIT.notFound,
        `nobody has entered an election "${name}"; "conclave ls" shows what there is`,
      );
    }
    context.print(
      options.output === "json" ? toJsonText(viewToJson(view)) : viewTable(view, context.colors),
    );
  });
}

function addList(program: Command, context: CliContext): void {
  const command = program
    .command("ls")
    .description("List elections by name.")
    .argument("[prefix]", "only names that begin so", "")
    .option("--vacant", "only those without a leader")
    .addHelpText("after", "\nExample:\n  conclave ls orders/ --vacant");
  addOutputOption(addClusterOptions(command));
  command.action(async (prefix: string, options: ReadOptions & { readonly vacant?: true }) => {
    const views = await withClient(options, context, async (client) => {
      const found: View[] = [];
      for await (const view of client.list(prefix, { vacant: options.vacant ?? false })) {
        found.push(view);
      }
      return found;
    });
    if (options.output === "json") context.print(toJsonText(views.map(viewToJson)));
    else if (views.length > 0) context.print(listTable(views, context.colors));
    else context.say(prefix === "" ? "no elections yet" : `no election begins with "${prefix}"`);
  });
}

interface WatchCommandOptions extends ReadOptions {
  readonly after?: bigint;
  readonly prefix?: string;
}

function addWatch(program: Command, context: CliContext): void {
  const command = program
    .command("watch")
    .description("Show who leads, and every change with its cause, until interrupted.")
    .argument("[name]", "the election")
    .option("--prefix <prefix>", "all elections whose name begins so, instead of one")
    .option(
      "--after <revision>",
      "only what came after it, as `get` or `watch -o json` showed it; not with --prefix",
      integerArgument,
    )
    .addHelpText(
      "after",
      "\nWith -o json: one JSON document a line; `type` says what happened, `cause` why.\n" +
        "\nExample:\n  conclave watch orders\n  term 2  b leads  (a expired)  queue: c",
    );
  addOutputOption(addClusterOptions(command));
  command.action(async (name: string | undefined, options: WatchCommandOptions) => {
    if ((name === undefined) === (options.prefix === undefined)) {
      throw new CliError(EXIT.usage, "watch what? Give the name of an election, or --prefix");
    }
    if (name === undefined && options.after !== undefined) {
      throw new CliError(EXIT.usage, "--after is a revision of one election: give its name");
    }
    await withClient(options, context, async (client) => {
      const lines = createChangeLines(name === undefined, context.colors);
      for await (const change of changes(client, name, options, context)) {
        const line =
          options.output === "json" ? toJsonText(changeToJson(change)) : lines.lineOf(change);
        if (line !== undefined) context.print(line);
      }
    });
  });
}

function changes(
  client: Client,
  name: string | undefined,
  options: WatchCommandOptions,
  context: CliContext,
): AsyncIterable<Change> {
  const signal = abortOnStop(context.stops);
  if (name === undefined) return client.watch(options.prefix ?? "", { signal });
  const after = options.after === undefined ? {} : { after: options.after };
  return client.election(name).watch({ ...after, signal });
}
