// SPDX-License-Identifier: Apache-2.0
/** `cluster status|add|remove|transfer`: who belongs to the cluster, and who leads what. */

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
import { CliError, EXIT } from "../exit-code.ts";
import { statusTables, statusToJson } from "../output/cluster.ts";
import { toJsonText } from "../output/json.ts";

interface Options extends ClusterOptions, OutputOptions {}

/** Adds `cluster` and its four commands to the program. */
export function addClusterCommands(program: Command, context: CliContext): void {
  const cluster = program
    .command("cluster")
    .description("Show and change who belongs to the cluster, and who leads its partitions.");
  addStatus(cluster, context);
  addAdd(cluster, context);
  addRemove(cluster, context);
  addTransfer(cluster, context);
}

function addStatus(cluster: Command, context: CliContext): void {
  const command = cluster
    .command("status")
    .description("Show members and partitions as the node that answers knows them.")
    .option("--node <n>", "what this one knows (default: the first that answers)", nodeArgument)
    .addHelpText(
      "after",
      "\nAnswered without a quorum too. Lag is known to a partition's leader only.\n" +
        "With --node the first that answers asks that node for what it knows.\n" +
        "\nExample:\n  conclave cluster status -o json | jq '.members[] | select(.isConnected | not)'",
    );
  addOutputOption(addEndpointOption(command));
  command.action(async (options: Options & { readonly node?: number }) => {
    const { node } = options;
    const whose = node === undefined ? {} : { node };
    const status = await withClusterAdmin(options, context, (admin) => admin.status(whose));
    if (options.output === "json") context.print(toJsonText(statusToJson(status)));
    else context.print(statusTables(status, context.colors));
  });
}

function addAdd(cluster: Command, context: CliContext): void {
  const command = cluster
    .command("add")
    .description("Make room for a node; it joins when it is started with --join.")
    .argument("<member>", "its number and where the others reach it: N=HOST:PORT", memberArgument)
    .addHelpText(
      "after",
      "\nExample:\n  conclave cluster add 4=10.0.0.4:7400\n" +
        "  conclave server --node 4 --listen 10.0.0.4:7400 --data-dir data --join http://10.0.0.1:7400",
    );
  addOutputOption(addEndpointOption(command));
  command.action(async ({ node, address }: NewMember, options: Options) => {
    const { already } = await withClusterAdmin(options, context, (admin) =>
      admin.addMember(node, address),
    );
    if (options.output === "json") context.print(toJsonText({ node, address, already }));
    else if (already) context.print(`node ${node} was on the list already`);
    else context.print(`node ${node} at ${address} may join now: start it with --join`);
  });
}

function addRemove(cluster: Command, context: CliContext): void {
  const command = cluster
    .command("remove")
    .description("Take a node out; the partitions follow one after the other.")
    .argument("<node>", "its number", nodeArgument)
    .addHelpText(
      "after",
      "\nStop its process when `conclave cluster status` shows it in no partition.\n" +
        "\nExample:\n  conclave cluster remove 3",
    );
  addOutputOption(addEndpointOption(command));
  command.action(async (node: number, options: Options) => {
    await withClusterAdmin(options, context, (admin) => admin.removeMember(node));
    if (options.output === "json") context.print(toJsonText({ node, removed: true }));
    else context.print(`node ${node} is off the list; the partitions let it go one by one`);
  });
}

function addTransfer(cluster: Command, context: CliContext): void {
  const command = cluster
    .command("transfer")
    .description("Hand the leadership of partitions to a node.")
    .argument("<node>", "its number", nodeArgument)
    .option("--partition <n>", "only this one (default: all)", nodeArgument)
    .addHelpText(
      "after",
      "\nThey stay there for ten minutes; then leaders spread over the nodes again.\n" +
        "\nExample:\n  conclave cluster transfer 2 --partition 1",
    );
  addOutputOption(addEndpointOption(command));
  command.action(async (node: number, options: Options & { readonly partition?: number }) => {
    const { partition } = options;
    const { led, wanted } = await withClusterAdmin(options, context, async (admin) => {
      const all = (await admin.status()).partitions.map((one) => one.partition);
      const moved = await admin.transferLeadership(node, partition);
      return { led: moved, wanted: partition === undefined ? all : [partition] };
    });
    const stayed = wanted.filter((one) => !led.includes(one));
    if (options.output === "json") context.print(toJsonText({ node, partitions: led, stayed }));
    else if (led.length > 0) context.print(`node ${node} leads partitions ${led.join(", ")}`);
    if (stayed.length === 0) return;
    const which = `partitions ${stayed.join(", ")} could not be handed over in time`;
    throw new CliError(EXIT.unavailable, `${which}; is node ${node} level? See "cluster status"`);
  });
}

interface NewMember {
  readonly node: number;
  readonly address: string;
}

/** For commander: N=HOST:PORT. Whether the address can be is the server's to judge. */
function memberArgument(text: string): NewMember {
  const [, digits, address = ""] = /^(\d{1,5})=(\S+:\d{1,5})$/.exec(text) ?? [];
  if (digits === undefined) throw new InvalidArgumentError("It is N=HOST:PORT.");
  return { node: Number(digits), address };
}
