// SPDX-License-Identifier: Apache-2.0
/** A client of S4's latches, named by its `client_id`; the number of a term is the latch's revision. */

import type { Dialect, DialectClient, OpenOptions, Seen, Watch } from "./dialect-client.ts";
import { GrpcChannel } from "./grpc-channel.ts";

interface S4Latch {
  readonly meta: {
    readonly revision: { readonly num: string } | null;
    readonly physical_timestamp: { readonly time: { readonly seconds: string } } | null;
  } | null;
  readonly leader: string;
  readonly participants: readonly string[];
}

interface S4Header {
  readonly response_type: "RESPONSE" | "RESPONSE_STREAM";
}

interface S4Answer {
  readonly header: S4Header;
  readonly output: { readonly latch: S4Latch | null };
}

interface S4Event {
  readonly header: S4Header;
  readonly output: {
    readonly type: "NONE" | "CHANGE";
    readonly latch: S4Latch | null;
  } | null;
}

const LATCH = "atomix.primitive.leader.LeaderLatchService";
const PRIMITIVE = "atomix.primitive.PrimitiveService";

export const s4Dialect: Dialect = {
  name: "S4",
  isLeaderFirst: true,
  hasTermInEvents: true,
  open: (options) => Promise.resolve(openS4(options)),
};

function openS4({ endpoint, primitive, candidate }: OpenOptions): DialectClient {
  const channel = new GrpcChannel(endpoint, "s4");
  const header = {
    client_id: candidate,
    primitive_id: { type: "LeaderLatch", name: primitive },
  };
  const onPrimitive = async (method: string): Promise<void> => {
    await channel.call(`${PRIMITIVE}/${method}`, { header });
  };
  const ask = async (method: string): Promise<Seen> => {
    const answer = await channel.call<S4Answer>(`${LATCH}/${method}`, { header, input: {} });
    if (answer.header?.response_type !== "RESPONSE") throw new Error(`S4 ${method}: no RESPONSE`);
    return seenOfLatch(answer.output.latch);
  };
  return {
    create: () => onPrimitive("Create"),
    close: () => onPrimitive("Close"),
    delete: () => onPrimitive("Delete"),
    async watch(): Promise<Watch> {
      const request = { header: { ...header, request_type: "REQUEST_STREAM" }, input: {} };
      const stream = channel.stream<S4Event>(`${LATCH}/Events`, request);
      const first = await stream.message();
      // A RESPONSE here would leave the original's client waiting for ever.
      if (first.header?.response_type !== "RESPONSE_STREAM") throw new Error("no RESPONSE_STREAM");
      return {
        async next() {
          const { header: told, output } = await stream.message();
          if (told?.response_type !== "RESPONSE" || output?.type !== "CHANGE") {
            throw new Error(`an S4 event that its client drops: ${JSON.stringify(output)}`);
          }
          return seenOfLatch(output.latch);
        },
      };
    },
    get: () => ask("Get"),
    enter: () => ask("Latch"),
    steer: (verb) => Promise.reject(new Error(`S4 has no ${verb}`)),
    keepAlive: () => Promise.resolve(),
    async quit() {
      channel.close();
    },
  };
}

/** @throws where the original's client would crash: an answer without a latch */
function seenOfLatch(latch: S4Latch | null): Seen {
  if (latch === null) throw new Error("an S4 answer without a latch");
  const { meta, leader, participants } = latch;
  return { term: BigInt(meta?.revision?.num ?? "0"), leader, list: participants };
}
