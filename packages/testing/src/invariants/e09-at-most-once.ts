// SPDX-License-Identifier: Apache-2.0
/** E9: a command is executed at most once, whatever number or request id it is tried again under. */

import type { Command } from "@conclave/fsm";
import { broken } from "./broken.ts";
import type { StoryRule } from "./story.ts";

export const atMostOnce: StoryRule = {
  id: "E9",
  begin: () => {
    const executed = new Set<string>();
    return {
      chapter({ partition, commands, applied }) {
        for (const [i, command] of commands.entries()) {
          const reply = applied.replies[i];
          const id = idOf(command);
          if (id === undefined || reply?.kind !== "done") continue;
          if (!reply.changed || reply.replayed) continue;
          const key = `${partition}/${id}`;
          if (executed.has(key)) {
            return broken("E9", `${command.kind} of partition ${partition} was executed twice`);
          }
          executed.add(key);
        }
        return undefined;
      },
    };
  },
};

function idOf(command: Command): string | undefined {
  if ("id" in command) return `session ${command.id.sessionId}/${command.id.number}`;
  if (!("options" in command)) return undefined;
  const { requestId } = command.options;
  return requestId === undefined ? undefined : `request ${requestId}`;
}
