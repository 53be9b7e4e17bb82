// SPDX-License-Identifier: Apache-2.0
/** What a turn sends: the messages of all groups, gathered by replica into one frame each. */

import type { RaftMessage } from "../core/message.ts";
import type { GroupId, ReplicaId } from "../ids.ts";
import type { GroupMessage, Transport } from "../transport.ts";

export class Outbox {
  readonly #transport: Transport;
  #frames = new Map<ReplicaId, GroupMessage[]>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  add(to: ReplicaId, group: GroupId, message: RaftMessage): void {
    const frame = this.#frames.get(to);
    if (frame === undefined) this.#frames.set(to, [{ group, message }]);
    else frame.push({ group, message });
  }

  flush(): void {
    if (this.#frames.size === 0) return;
    const frames = this.#frames;
    this.#frames = new Map();
    for (const [to, messages] of frames) this.#transport.send(to, messages);
  }
}
