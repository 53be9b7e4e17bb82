// SPDX-License-Identifier: Apache-2.0
/** `snapshot save|verify|restore`: a backup, a look into one, and a new cluster from one. */

import { existsSync } from "node:fs";
import { link, open, unlink } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { RestoreAnswer, SoundBackup } from "@conclave/daemon";
import type { Command } from "commander";
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
import { backupLine, backupTable, backupToJson } from "../output/backup.ts";
import { toJsonText } from "../output/json.ts";

/** Adds `snapshot` and its three commands to the program. */
export function addSnapshotCommands(program: Command, context: CliContext): void {
  const snapshot = program
    .command("snapshot")
    .description("Save the state of a cluster, look into what was saved, begin a cluster from it.");
  addSave(snapshot, context);
  addVerify(snapshot, context);
  addRestore(snapshot, context);
}

function addSave(snapshot: Command, context: CliContext): void {
  const command = snapshot
    .command("save")
    .description("Save every partition into a file, and verify it.")
    .argument("<file>", "where to; must not exist")
    .addHelpText("after", "\nExample:\n  conclave snapshot save conclave-$(date +%F).snapshot");
  addOutputOption(addEndpointOption(command));
  command.action(async (name: string, options: ClusterOptions & OutputOptions) => {
    const file = resolve(context.cwd, name);
    const partial = `${file}.partial`;
    if (existsSync(file)) throw taken(file);
    await withClusterAdmin(options, context, (admin) => write(partial, admin.saveSnapshot()));
    try {
      const backup = await sound(partial);
      await giveName(partial, file);
      context.print(
        options.output === "json"
          ? toJsonText({ file, ...backupToJson(backup) })
          : `saved ${name}: ${backupLine(backup)}`,
      );
    } finally {
      await unlink(partial).catch(() => {});
    }
  });
}

function addVerify(snapshot: Command, context: CliContext): void {
  const command = snapshot
    .command("verify")
    .description("Read a whole backup, restore its states in memory, and show what is in it.")
    .argument("<file>", "the backup")
    .addHelpText("after", "\nNeeds no server.\n\nExample:\n  conclave snapshot verify my.snapshot");
  addOutputOption(command);
  command.action(async (name: string, options: OutputOptions) => {
    const backup = await sound(resolve(context.cwd, name));
    if (options.output === "json") context.print(toJsonText(backupToJson(backup)));
    else context.print(`${backupLine(backup)}\n${backupTable(backup, context.colors)}`);
  });
}

interface RestoreOptions extends OutputOptions {
  readonly dataDir: string;
  readonly node: number;
  readonly cluster?: string;
  readonly clusterToken: string;
}

function addRestore(snapshot: Command, context: CliContext): void {
  const command = snapshot
    .command("restore")
    .description("Make the data directory of one node of a new cluster from a backup.")
    .argument("<file>", "the backup; the same one for every node")
    .requiredOption("--data-dir <path>", "where to; must be empty or missing")
    .requiredOption("--node <n>", "which node this is", nodeArgument)
    .option("--cluster <list>", "the new cluster: 1=HOST:PORT,2=... (default: this node alone)")
    .requiredOption("--cluster-token <text>", "tells the new cluster from the old one; a new one")
    .addHelpText(
      "after",
      "\nSessions and candidates are gone, elections and their terms are there: terms go on far above" +
        "\nthose of the old cluster, which must not run any more.\n" +
        "\nExample:\n  conclave snapshot restore my.snapshot --data-dir data --node 1 --cluster-token c2",
    );
  addOutputOption(command);
  command.action(async (name: string, options: RestoreOptions) => {
    const { restoreSnapshot } = await import("@conclave/daemon");
    const answer = await restoreSnapshot({
      file: resolve(context.cwd, name),
      dataDirectory: resolve(context.cwd, options.dataDir),
      node: options.node,
      cluster: options.cluster,
      clusterToken: options.clusterToken,
    });
    if (answer.kind !== "restored") throw refusalOf(answer);
    const { clusterId, backup } = answer;
    if (options.output === "json") {
      context.print(toJsonText({ clusterId, node: options.node, ...restoredFrom(backup) }));
    } else {
      context.print(`node ${options.node} of the new cluster ${clusterId.slice(0, 16)} is made`);
      context.print(`from ${backupLine(backup)}`);
      context.print(`start it with the same --node, --cluster and --cluster-token`);
    }
  });
}

/** A file whose name says that it is not whole yet. */
async function write(partial: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await openNew(partial);
  try {
    for await (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
  } catch (thrown) {
    await unlink(partial).catch(() => {});
    throw thrown;
  } finally {
    await file.close();
  }
}

async function openNew(partial: string) {
  try {
    return await open(partial, "w");
  } catch (thrown) {
    throw new CliError(EXIT.error, messageOf(thrown));
  }
}

/** Never over another file: an older backup is worth as much as it was. */
async function giveName(partial: string, file: string): Promise<void> {
  try {
    await link(partial, file);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "EEXIST") throw taken(file);
    throw new CliError(EXIT.error, messageOf(thrown));
  }
  const directory = await open(dirname(file), "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function taken(file: string): CliError {
  return new CliError(EXIT.conflict, `${file} exists; give another name`);
}

async function sound(file: string): Promise<SoundBackup> {
  const { verifySnapshot } = await import("@conclave/daemon");
  const backup = await verifySnapshot(file);
  if (backup.kind !== "sound") throw refusalOf(backup);
  return backup;
}

function refusalOf(answer: Exclude<RestoreAnswer, { readonly kind: "restored" }>): CliError {
  switch (answer.kind) {
    case "faults":
      return new CliError(EXIT.usage, answer.faults.join("; "));
    case "in-use":
      return new CliError(EXIT.conflict, `the data directory: ${answer.detail}`);
    case "unreadable":
      return new CliError(EXIT.notFound, answer.detail);
    case "disk":
      return new CliError(EXIT.error, answer.detail);
    case "damaged":
      return new CliError(EXIT.error, `the backup is damaged: ${answer.detail}`);
    case "newer":
      return new CliError(EXIT.error, `the backup is of a later version: ${answer.detail}`);
  }
}

function restoredFrom(backup: SoundBackup) {
  return { restoredFrom: backupToJson(backup) };
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
