// SPDX-License-Identifier: Apache-2.0
/** `campaign`: be a candidate, and nothing else, until interrupted. */

import type { CampaignState, ElectionError, Leadership } from "@conclave/client";
import type { Command } from "commander";
import { drawCandidateName } from "../candidate-name.ts";
import type { CliContext } from "../cli-context.ts";
import {
  addClusterOptions,
  addOutputOption,
  type ClusterOptions,
  durationArgument,
  type OutputOptions,
  ttlArgument,
  withClient,
} from "../cluster-options.ts";
import { toJsonText } from "../output/json.ts";
import { abortOnStop } from "../stops.ts";

interface CampaignCommandOptions extends ClusterOptions, OutputOptions {
  readonly candidate?: string;
  readonly ttl: number;
  readonly grace: number;
}

/** Adds the command to the program. */
export function addCampaignCommand(program: Command, context: CliContext): void {
  const command = program
    .command("campaign")
    .description("Enter an election and lead it when it is our turn, until interrupted.")
    .argument("<name>", "the election")
    .option("--candidate <name>", "our name in it (default: host, process and a random part)")
    .option("--ttl <duration>", "how long a silent process keeps its place", ttlArgument, 10_000)
    .option(
      "--grace <duration>",
      "the same once its connection has ended; 0s: off",
      durationArgument,
      0,
    )
    .addHelpText(
      "after",
      "\nPrints a line when we lead and when we lose; enters again after a loss. Interrupted, it\n" +
        "resigns and exits 0. For work that must stop with the office, use `conclave run`.\n" +
        "\nExample:\n  conclave campaign orders --candidate a --ttl 3s",
    );
  addOutputOption(addClusterOptions(command));
  command.action(async (name: string, options: CampaignCommandOptions) => {
    const candidate = options.candidate ?? drawCandidateName();
    const tell = createTeller(name, candidate, options, context);
    await withClient(options, context, (client) =>
      client.election(name).serve((leadership) => hold(leadership, tell), {
        candidate,
        ttlMs: options.ttl,
        graceMs: options.grace,
        signal: abortOnStop(context.stops),
        onState: (state: CampaignState) => {
          if (state === "queued") tell("queued", undefined, "");
        },
      }),
    );
  });
}

type Tell = (state: "queued" | "leading" | "over", term: bigint | undefined, why: string) => void;

async function hold(leadership: Leadership, tell: Tell): Promise<void> {
  const { term } = leadership.fence;
  tell("leading", term, "");
  const { signal } = leadership;
  if (!signal.aborted) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }
  const { code, message }: ElectionError = signal.reason;
  tell("over", term, code === "ABORTED" ? "resigned" : message);
}

function createTeller(
  election: string,
  candidate: string,
  options: OutputOptions,
  context: CliContext,
): Tell {
  return (state, term, why) => {
    if (options.output === "json") {
      context.print(toJsonText({ state, election, candidate, term: term ?? null, why }));
    } else if (state === "queued") context.print(`${candidate} waits in line`);
    else if (state === "leading")
      context.print(context.colors.green(`term ${term}  ${candidate} leads`));
    else context.print(`term ${term}  over for ${candidate}: ${why}`);
  };
}
