// SPDX-License-Identifier: Apache-2.0
/**
 * The one door of the workspace's commands: `npm start`, `npm test`, `npm run verify` and so on.
 *
 * It has no dependencies and needs only Node and npm, so it works from a clean clone. It may not use
 * syntax newer than Node 14, or an old Node would answer with a syntax error instead of a sentence;
 * everything else is therefore imported only after the version has been checked.
 */

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`Conclave needs Node 20.19 or newer; this is ${process.versions.node}.\n`);
  process.exit(1);
}

const { runTask } = await import("./tasks.mjs");
process.exitCode = await runTask(process.argv[2] ?? "", process.argv.slice(3));
