// SPDX-License-Identifier: Apache-2.0
/** `session ls`: who is registered where, and for how long yet. */

import type { ClusterAdmin } from "@conclave/client/cluster";
import { type Command, InvalidArgumentError } from "commander";
import type { CliContext } from "../cli-context.ts";
import {
  addEndpointOption,
  addOutputOption,
  type ClusterOptions,
  nodeArgument,
  type OutputOptions,
  withClusterAdmin,
} from "../cluster-options.ts";
import { toJsonText } from "../output/json.ts";
import { type PartitionSession, sessionsToJson, sessionTable } from "../output/sessions.ts";

interface Options extends ClusterOptions, OutputOptions {
  readonly partition?: number;
  readonly instance?: string;
}

/** Adds `session` and its one command to the program. */
export function addSessionCommands(program: Command, context: CliContext): void {
  const session = program
    .command("session")
    .description("Show the sessions under which candidates stand.");
  const command = session
    .command("ls")
    .description("List sessions, partition by partition, as each partition's leader has them.")
    .option("--partition <n>", "only this one (default: all)", nodeArgument)
    .option(
      "--instance <i>",
      "only this one, as `get` shows it beside a candidate",
      instanceArgument,
    )
    .addHelpText(
      "after",
      "\nA session is registered in the partitions where it has business, and is listed in each.\n" +
        "REMAINING is until it ends, unless it is renewed.\n" +
        "\nExample:\n  conclave session ls --instance 3f0c5a1e9b7d2864",
    );
  addOutputOption(addEndpointOption(command));
  command.action(async (options: Options) => {
    const sessions = await withClusterAdmin(options, context, (admin) => read(admin, options));
    if (options.output === "json") context.print(toJsonText(sessionsToJson(sessions)));
    else if (sessions.length > 0) context.print(sessionTable(sessions, context.colors));
    else context.say(options.instance === undefined ? "no sessions" : "no such session");
  });
}

async function read(
  admin: ClusterAdmin,
  { partition, instance }: Options,
): Promise<PartitionSession[]> {
  const all = async () => (await admin.status()).partitions.map((one) => one.partition);
  const found: PartitionSession[] = [];
  for (const number of partition === undefined ? await all() : [partition]) {
    const filter = instance === undefined ? {} : { instance };
    for await (const session of admin.sessions(number, filter)) {
      found.push({ partition: number, session });
    }
  }
  return found;
}

/** For commander: how a session is shown. */
function instanceArgument(text: string): string {
  if (!/^[0-9a-f]{16}$/.test(text)) throw new InvalidArgumentError("It is 16 hex digits.");
  return text;
}
