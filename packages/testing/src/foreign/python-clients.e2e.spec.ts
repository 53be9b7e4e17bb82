// SPDX-License-Identifier: Apache-2.0
// The same scenarios from a second language, by Google's own libraries: Python with grpcio. Debian has
// them as python3-grpcio, python3-protobuf and protobuf-compiler.
import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { TestCluster } from "../cluster/test-cluster.ts";
import type { Dialect } from "./dialect-client.ts";
import { forceTransfers } from "./forced-transfers.ts";
import { s0Dialect } from "./s0-client.ts";
import { s1Dialect } from "./s1-client.ts";
import { s2Dialect } from "./s2-client.ts";
import { s3Dialect } from "./s3-client.ts";
import { s4Dialect } from "./s4-client.ts";
import { DELETE_STEPS, ELECTION_STEPS, LATCH_STEPS, type Step, script } from "./scenario.ts";
import { PARTITIONS, shareCluster } from "./shared-cluster.ts";

const PROGRAM = fileURLToPath(new URL("./play_scenario.py", import.meta.url));

/** The one that packages of the system are for may not be the first of the path. */
const python = ["python3", "/usr/bin/python3"].find(
  (command) => spawnSync(command, ["-c", "import grpc, google.protobuf"]).status === 0,
);
const hasProtoc = spawnSync("protoc", ["--version"]).status === 0;
const isMissing = python === undefined || !hasProtoc;
/** Continuous integration installs them: there the tests run, and fail where they are missing. */
const isSkipped = isMissing && process.env["CI"] !== "true";
if (isSkipped) console.log("skipped: no python3 with grpcio and protobuf, or no protoc");

const CASES = [
  { dialect: s0Dialect, steps: [...ELECTION_STEPS, ...DELETE_STEPS] },
  { dialect: s1Dialect(PARTITIONS), steps: ELECTION_STEPS },
  { dialect: s2Dialect, steps: ELECTION_STEPS },
  { dialect: s3Dialect, steps: ELECTION_STEPS },
  { dialect: s4Dialect, steps: LATCH_STEPS },
].map((one) => ({ ...one, name: one.dialect.name }));

// Left out where the tools are missing, which is printed above.
describe.skipIf(isSkipped)("clients in Python", () => {
  const cluster = shareCluster();

  test.each(CASES)("of $name see what the tests of its original assert", async (one) => {
    const between = () => Promise.resolve();
    const lines = await playInPython(
      cluster(),
      one.dialect,
      one.steps,
      `${one.name} from Python`,
      between,
    );

    expect(lines).toEqual(script(one.steps, one.dialect));
  });

  test.each(CASES)("of $name see the same while leaders change", async (one) => {
    const primitive = `${one.name} from Python on the move`;
    const between = forceTransfers(cluster(), primitive, PARTITIONS);
    const lines = await playInPython(cluster(), one.dialect, one.steps, primitive, between);

    expect(lines).toEqual(script(one.steps, one.dialect));
  });
});

async function playInPython(
  { endpoints }: TestCluster,
  { name: dialect }: Dialect,
  steps: readonly Step[],
  primitive: string,
  between: () => Promise<void>,
): Promise<string[]> {
  if (python === undefined) throw new Error("install python3-grpcio and python3-protobuf");
  const protos = fileURLToPath(new URL(`./protos/${dialect.toLowerCase()}`, import.meta.url));
  const task = { dialect, steps, primitive, endpoints, protos, partitions: PARTITIONS };
  const child = spawn(python, [PROGRAM, JSON.stringify(task)], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  let complaints = "";
  child.stderr.on("data", (piece) => {
    complaints += String(piece);
  });
  // Written to when it has ended, a pipe breaks; how it ended is what is told.
  child.stdin.on("error", () => {});
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (line !== "step") {
      lines.push(line);
      continue;
    }
    await between();
    child.stdin.write("\n");
  }
  if ((await ended) !== 0) lines.push(complaints);
  return lines;
}
