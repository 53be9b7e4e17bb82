// SPDX-License-Identifier: Apache-2.0
/** How much streams hold of a node in memory: for specs that prove that they leave nothing behind. */

import type { ElectionNode } from "../replica/election-node.ts";

/** Counts the watches, listeners and attachments that a node holds, on its own methods. */
export function countHeld(node: ElectionNode): { now: number; most: number } {
  const held = { now: 0, most: 0 };
  const hold = (release: () => void): (() => void) => {
    held.most = Math.max(held.most, ++held.now);
    let isHeld = true;
    return () => {
      if (isHeld) held.now--;
      isHeld = false;
      release();
    };
  };
  const releases = new Map<unknown, () => void>();
  const [watch, unwatch] = [node.watch.bind(node), node.unwatch.bind(node)];
  const onShutdown = node.onShutdown.bind(node);
  node.watch = (options) => {
    const opened = watch(options);
    releases.set(
      opened,
      hold(() => unwatch(opened)),
    );
    return opened;
  };
  node.unwatch = (opened) => releases.get(opened)?.();
  node.onShutdown = (listener) => hold(onShutdown(listener));
  for (const partition of node.partitions) {
    const attach = partition.attach.bind(partition);
    partition.attach = (...args) => hold(attach(...args));
  }
  return held;
}
