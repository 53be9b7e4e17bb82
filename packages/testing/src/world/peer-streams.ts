// SPDX-License-Identifier: Apache-2.0
/** How the members of a simulated world reach each other: streams and questions, each on a connection of its own. */

import {
  type ExchangeRequest,
  ExchangeRequestSchema,
  type ExchangeResponse,
  ExchangeResponseSchema,
} from "@conclave/api/peer";
import type { Clock } from "@conclave/base";
import type { PeerDialer, PeerIntroducer, RunningMember } from "@conclave/server/member";
import { type Codec, codecOf } from "./codec.ts";
import type { ConnectionEnd, EndListener, Host } from "./connection.ts";
import { Inbox } from "./inbox.ts";
import type { SimNetwork } from "./network.ts";
import { Pump } from "./pump.ts";

export interface PeerStreamsOptions {
  readonly network: SimNetwork;
  readonly host: Host;
  readonly clock: Clock;
  /** The machine at an address, HOST:PORT. */
  readonly hostAt: (address: string) => string;
  readonly isEncoded: boolean;
  /** A frame is on its way to an address. */
  readonly sent: (address: string, frame: ExchangeRequest) => void;
}

/** What was asked once, and its answer: values that neither side changes. */
type Question = Pick<RunningMember, "introduce" | "join">;

interface Asked {
  readonly name: keyof Question;
  readonly request: Parameters<Question["join"]>[0] | undefined;
}

interface Codecs {
  readonly requests: Codec<typeof ExchangeRequestSchema>;
  readonly responses: Codec<typeof ExchangeResponseSchema>;
}

export function createSimDialer(options: PeerStreamsOptions): PeerDialer & PeerIntroducer {
  const codecs = codecsOf(options.isEncoded);
  return {
    exchange: (address, requests, signal) => exchange(options, codecs, address, requests, signal),
    introduce: (address, timeoutMs, signal) =>
      ask(options, address, { name: "introduce", request: undefined }, timeoutMs, signal),
    join: (address, request, timeoutMs, signal) =>
      ask(options, address, { name: "join", request }, timeoutMs, signal),
  };
}

/** Serves a connection that another member has opened. */
export function acceptPeer(
  end: ConnectionEnd,
  member: Question & Pick<RunningMember, "accept">,
  isEncoded: boolean,
): EndListener {
  return end.connection.purpose === "exchange"
    ? acceptExchange(end, member, codecsOf(isEncoded))
    : acceptQuestion(end, member);
}

function codecsOf(isEncoded: boolean): Codecs {
  return {
    requests: codecOf(ExchangeRequestSchema, isEncoded),
    responses: codecOf(ExchangeResponseSchema, isEncoded),
  };
}

async function* exchange(
  { network, host, hostAt, sent }: PeerStreamsOptions,
  { requests: ours, responses: theirs }: Codecs,
  address: string,
  requests: AsyncIterable<ExchangeRequest>,
  signal: AbortSignal,
): AsyncGenerator<ExchangeResponse> {
  const inbox = new Inbox<ExchangeResponse>();
  const end = network.dial(host, hostAt(address), "exchange", {
    frame: (packed) => inbox.push(theirs.unpack(packed)),
    ended(cause) {
      pump.stop();
      inbox.end(new Error(cause));
    },
    room: () => pump.room(),
  });
  const pump = new Pump<ExchangeRequest>(end, (frame) => {
    sent(address, frame);
    end.send(ours.pack(frame), isRaftOnly(frame));
  });
  const cut = (): void => {
    end.close("connection reset");
    pump.stop();
    inbox.end(new Error("cut"));
  };
  signal.addEventListener("abort", cut);
  if (signal.aborted) cut();
  // Whoever gives the frames ends with the stream; an error of theirs is nobody else's.
  void pump.run(requests);
  try {
    yield* inbox;
  } finally {
    signal.removeEventListener("abort", cut);
    cut();
  }
}

/** The greeting, calls and signs of life belong to a stream; Raft counts on no message. */
function isRaftOnly({ hello, calls, cancelled, ping }: ExchangeRequest): boolean {
  return hello === undefined && calls.length === 0 && cancelled.length === 0 && ping === 0n;
}

function acceptExchange(
  end: ConnectionEnd,
  { accept }: Pick<RunningMember, "accept">,
  { requests: theirs, responses: ours }: Codecs,
): EndListener {
  const inbox = new Inbox<ExchangeRequest>();
  const pump = new Pump<ExchangeResponse>(end, (frame) => end.send(ours.pack(frame)));
  void pump.run(accept(inbox)).then(() => {
    end.close("the stream is over");
    inbox.end();
  });
  return {
    frame: (packed) => inbox.push(theirs.unpack(packed)),
    ended(cause) {
      inbox.end(new Error(cause));
      pump.stop();
    },
    room: () => pump.room(),
  };
}

function acceptQuestion(end: ConnectionEnd, member: Question): EndListener {
  const answer = async ({ name, request }: Asked): Promise<unknown> =>
    name === "join" && request !== undefined ? member.join(request) : member.introduce();
  return {
    frame: (asked) => void answer(asked as Asked).then((answered) => end.send(answered)),
    ended: () => {},
    room: () => {},
  };
}

function ask<Answer>(
  { network, host, clock, hostAt }: PeerStreamsOptions,
  address: string,
  asked: Asked,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Answer | undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const settle = (answer?: Answer): void => {
      end.close();
      cancelTimer();
      signal.removeEventListener("abort", giveUp);
      resolve(answer);
    };
    const giveUp = (): void => settle();
    const end = network.dial(host, hostAt(address), "question", {
      frame: (answered) => settle(answered as Answer | undefined),
      ended: giveUp,
      room: () => {},
    });
    end.send(asked);
    const cancelTimer = clock.setTimer(timeoutMs, giveUp);
    signal.addEventListener("abort", giveUp);
  });
}
