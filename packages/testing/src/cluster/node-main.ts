// SPDX-License-Identifier: Apache-2.0
/**
 * The process of one server of a test's cluster: starts it as its only argument says, reports to the
 * test by Node's channel between processes, and ends when that ends.
 */

import { markBadText, type NodeFailureReason, startNode } from "@conclave/server/node";
import { type NodeStart, optionsOf } from "./cluster-node.ts";

/** What it sends once, when it is known. */
export type NodeReport =
  | { readonly kind: "ready"; readonly url: string }
  | { readonly kind: "failed"; readonly reason: NodeFailureReason; readonly detail: string };

const start = JSON.parse(process.argv[2] ?? "") as NodeStart;
process.once("disconnect", () => process.exit(1));
markBadText();
const started = await startNode(
  optionsOf(start, (level, message) => process.stderr.write(`${level}: ${message}\n`)),
);
if (started.kind === "failed") {
  report(started);
  process.exitCode = 1;
  process.disconnect();
} else {
  const { url, failed } = started;
  report({ kind: "ready", url });
  process.once("SIGTERM", () => void started.stop().then(() => process.exit(0)));
  const { reason, detail } = await failed;
  process.stderr.write(`failed: ${reason}: ${detail}\n`);
  await started.stop();
  process.exit(1);
}

function report(message: NodeReport): void {
  process.send?.(message);
}
