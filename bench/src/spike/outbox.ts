// SPDX-License-Identifier: Apache-2.0
/** Operations on their way out of a stream: those of one turn of the loop leave in one frame. */

import { create } from "@bufbuild/protobuf";
import { type Frame, FrameSchema, type Op } from "./wire.ts";

export interface Outbox {
  push(op: Op): void;
  end(): void;
  frames(): AsyncGenerator<Frame, void, undefined>;
}

export function createOutbox(): Outbox {
  let ops: Op[] = [];
  let isEnded = false;
  let wake: (() => void) | undefined;
  const wakeSoon = (): void => {
    const waiting = wake;
    wake = undefined;
    if (waiting !== undefined) setImmediate(waiting);
  };
  return {
    push(op) {
      ops.push(op);
      wakeSoon();
    },
    end() {
      isEnded = true;
      wakeSoon();
    },
    async *frames() {
      while (!isEnded) {
        if (ops.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        const frame = create(FrameSchema, { ops });
        ops = [];
        yield frame;
      }
    },
  };
}
