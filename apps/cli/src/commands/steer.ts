// SPDX-License-Identifier: Apache-2.0
/** `anoint`, `promote`, `demote`, `evict`: an operator's verbs; and `withdraw`, which is not one. */

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
import { toJsonText, viewToJson } from "../output/json.ts";
import { viewLine } from "../output/lines.ts";

type Verb = "anoint" | "promote" | "demote" | "evict";

const DESCRIPTIONS: Readonly<Record<Verb, string>> = {
  anoint: "Make a candidate the leader; the old leader becomes second.",
  promote: "Move a candidate one place towards the front; the second one takes office.",
  demote: "Move a candidate one place towards the end; a leader hands over to the second one.",
  evict: "Take a candidate out of an election, whoever entered it.",
};

interface SteerOptions extends ClusterOptions, OutputOptions {
  readonly reason?: string;
  readonly ifRevision?: bigint;
  readonly requestId?: string;
}

/** Adds the five commands to the program. */
export function addSteerCommands(program: Command, context: CliContext): void {
  addVerb("anoint", program, context);
  addVerb("promote", program, context);
  addVerb("demote", program, context);
  addVerb("evict", program, context);
  addWithdraw(program, context);
}

function addVerb(verb: Verb, program: Command, context: CliContext): void {
  const command = program
    .command(verb)
    .description(DESCRIPTIONS[verb])
    .argument("<name>", "the election")
    .argument("<candidate>", "the candidate")
    .option("--reason <text>", "kept with the change and shown to watchers; up to 256 bytes")
    .option(
      "--if-revision <n>",
      'only if the election is at this revision, as "conclave get" showed it; else exit 4',
      integerArgument,
    )
    .option("--request-id <id>", "makes the same command, given again, do nothing more")
    .addHelpText("after", `\nExample:\n  conclave ${verb} orders b --reason "deploy 42"`);
  addOutputOption(addClusterOptions(command));
  command.action(async (name: string, candidate: string, options: SteerOptions) => {
    const { reason, ifRevision, requestId } = options;
    const view = await withClient(options, context, (client) =>
      client.election(name).admin[verb](candidate, {
        ...(reason === undefined ? {} : { reason }),
        ...(ifRevision === undefined ? {} : { revision: ifRevision }),
        ...(requestId === undefined ? {} : { requestId }),
      }),
    );
    context.print(
      options.output === "json" ? toJsonText(viewToJson(view)) : viewLine(view, context.colors),
    );
  });
}

/**
 * Semantics A1: a session withdraws its own candidacies only, and the session of a candidate lives
 * in the process that entered it, never in this one. Doing the work of `evict` under this name would
 * record the wrong cause and let a typing habit depose a leader, so it says what to do instead.
 */
function addWithdraw(program: Command, context: CliContext): void {
  const command = program
    .command("withdraw")
    .description("Say how to take a candidate out: by its own process, or with evict.")
    .argument("<name>", "the election")
    .argument("<candidate>", "the candidate")
    .addHelpText(
      "after",
      "\nA candidate is withdrawn by the process that entered it: interrupt that `conclave run` or\n" +
        "`conclave campaign`. From anywhere else it is evicted, and watchers see it so:\n" +
        '  conclave evict orders b --reason "host is going away"\n' +
        "Exits 6 where there is no such candidate, else 4.",
    );
  addClusterOptions(command);
  command.action(async (name: string, candidate: string, options: ClusterOptions) => {
    const view = await withClient(options, context, (client) => client.election(name).get());
    const held = [view.leader, ...view.queue].find((one) => one?.id === candidate);
    if (held === undefined || held === null) {
      const advice = `"conclave get ${name}" shows who is`;
      throw new CliError(EXIT.notFound, `"${candidate}" is no candidate of ${name}; ${advice}`);
    }
    throw new CliError(
      EXIT.conflict,
      `${candidate} was entered by another process (instance ${held.instance}), which alone can ` +
        `withdraw it: interrupt that one, or use "conclave evict ${name} ${candidate}"`,
    );
  });
}
