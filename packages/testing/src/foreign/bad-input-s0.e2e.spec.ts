// SPDX-License-Identifier: Apache-2.0
// What no unmodified client of S0 sends, at real server processes: each request is answered with the
// error that it deserves, and the election that it is about stays as it was.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type BadRequest, CONTROL, NOISE, outcomeOf, TOO_LONG } from "./bad-request.ts";
import { homeAmong } from "./fnv-home.ts";
import { GrpcChannel } from "./grpc-channel.ts";
import { enterNatively, type NativeView, nativeView, openNativeSession } from "./native-calls.ts";
import { S0_ELECTION, S0_SESSION, type S0Answer } from "./s0-client.ts";
import { PARTITIONS, shareCluster } from "./shared-cluster.ts";

const ELECTION = "kept";
const HOME = homeAmong([1, 2, 3], ELECTION);
const ELSEWHERE = (HOME % PARTITIONS) + 1;
const NAME = { name: ELECTION, namespace: "default" };

const cluster = shareCluster();

/** One session at the election's home that has created it, and one elsewhere. */
class Ground {
  readonly channel: GrpcChannel;
  session = "";
  elsewhere = "";
  /** The number of the last command. */
  number = 0;

  constructor(endpoint: string) {
    this.channel = new GrpcChannel(endpoint, "s0");
  }

  async open(partition: number, seconds = 60): Promise<string> {
    const request = { header: { partition }, timeout: { seconds, nanos: 0 } };
    const answer = await this.ask(`${S0_SESSION}/OpenSession`, request);
    return answer.header.session_id;
  }

  async ask(method: string, request: object): Promise<S0Answer> {
    return (await this.channel.once<S0Answer>(method, request)).message;
  }

  /** Evict of nobody under the next number, with what is wrong put over what is right. */
  async evict(wrong: object, over: object = {}): Promise<S0Answer> {
    const request_id = this.number + 1;
    const header = { ...this.header(), request_id, ...wrong };
    const request = { header, candidate_id: "nobody", ...over };
    const answer = await this.ask(`${S0_ELECTION}/Evict`, request);
    // What is not served has not taken its number, nor has what another session was asked.
    if (!("session_id" in wrong)) this.number = request_id;
    return answer;
  }

  header(): object {
    return { name: NAME, partition: HOME, session_id: this.session };
  }
}

let ground: Ground;
let before: NativeView | undefined;

beforeAll(async () => {
  const { endpoints } = cluster();
  const session = await openNativeSession(endpoints[0]!);
  await enterNatively(endpoints[0]!, session, ELECTION, "a");
  ground = new Ground(endpoints[1]!);
  ground.session = await ground.open(HOME);
  ground.elsewhere = await ground.open(ELSEWHERE);
  ground.number = 1;
  const header = { ...ground.header(), request_id: 1 };
  await ground.ask(`${S0_ELECTION}/Create`, { header });
  before = await nativeView(endpoints[0]!, ELECTION);
});

afterEach(async () => {
  expect(await nativeView(cluster().endpoints[2]!, ELECTION)).toEqual(before);
});

afterAll(() => ground.channel.close());

const REFUSED: readonly BadRequest<Ground>[] = [
  row("no header", "INVALID_ARGUMENT", (g) => g.ask(`${S0_ELECTION}/Enter`, { candidate_id: "x" })),
  row("no name", "INVALID_ARGUMENT", (g) => g.evict({ name: null })),
  row("an empty name", "INVALID_ARGUMENT", (g) => g.evict({ name: { name: "" } })),
  row("no partition", "INVALID_ARGUMENT", (g) => g.evict({ partition: 0 })),
  row("a negative partition", "INVALID_ARGUMENT", (g) => g.evict({ partition: -1 })),
  row("an unknown partition", "INVALID_ARGUMENT", (g) => g.evict({ partition: 99 })),
  // Said by the library that reads them, before anybody sees them.
  row("bytes that are no message", "INTERNAL", (g) => g.channel.raw(`${S0_ELECTION}/Enter`, NOISE)),
  row("no partition to open a session on", "INVALID_ARGUMENT", (g) =>
    g.ask(`${S0_SESSION}/OpenSession`, {}),
  ),
  row("an unknown partition to open a session on", "INVALID_ARGUMENT", (g) => g.open(99)),
  row("no header of a beat", "INVALID_ARGUMENT", (g) => g.ask(`${S0_SESSION}/KeepAlive`, {})),
  row("a name that is too long", "ERROR in band", (g) => g.evict({ name: { name: TOO_LONG } })),
  row("a name with a control character", "ERROR in band", (g) =>
    g.evict({ name: { name: CONTROL } }),
  ),
  row("no session", "ERROR in band", (g) => g.evict({ session_id: 0 })),
  row("an unknown session", "ERROR in band", (g) => g.evict({ session_id: "123456789012" })),
  row("a partition that is not home", "ERROR in band", (g) =>
    g.evict({ partition: ELSEWHERE, session_id: g.elsewhere, request_id: 1 }),
  ),
  row("a read at a partition that is not home", "ERROR in band", (g) =>
    g.ask(`${S0_ELECTION}/GetTerm`, {
      header: { name: NAME, partition: ELSEWHERE, session_id: g.elsewhere },
    }),
  ),
  row("no candidate", "ERROR in band", (g) => g.evict({}, { candidate_id: "" })),
  row("a candidate that is too long", "ERROR in band", (g) =>
    g.evict({}, { candidate_id: TOO_LONG }),
  ),
  row("a candidate with a control character", "ERROR in band", (g) =>
    g.evict({}, { candidate_id: CONTROL }),
  ),
  row("an election that was not created", "ERROR in band", (g) =>
    g.evict({ name: { name: nameAt(HOME) } }),
  ),
  row("a number beyond all numbers", "ERROR in band", (g) =>
    g.ask(`${S0_ELECTION}/Evict`, {
      header: { ...g.header(), request_id: "18446744073709551615" },
      candidate_id: "a",
    }),
  ),
  row("a beat of an unknown session", "ERROR in band", (g) =>
    g.ask(`${S0_SESSION}/KeepAlive`, { header: { partition: HOME, session_id: "123456789012" } }),
  ),
  row("a read of an unknown session", "ERROR in band", (g) =>
    g.ask(`${S0_ELECTION}/GetTerm`, { header: { ...g.header(), session_id: "123456789012" } }),
  ),
];

describe("a request of S0 is refused, and changes nothing, that has", () => {
  test.each(REFUSED)("$what: $is", async ({ ask, is }) => {
    expect(await outcomeOf(ask(ground))).toBe(is);
  });
});

test("whoever asks a partition that is not home is told which is", async () => {
  const header = { name: NAME, partition: ELSEWHERE, session_id: ground.elsewhere };
  const { message, headers } = await ground.channel.once<S0Answer>(`${S0_ELECTION}/GetTerm`, {
    header,
  });

  expect(message.header.status).toBe("ERROR");
  expect(headers.get("conclave-refusal")).toEqual([`partition: the home of this name is ${HOME}`]);
});

test("a number that comes again with other content is answered as the first time", async () => {
  const first = await ground.evict({});
  const again = await ground.ask(`${S0_ELECTION}/Evict`, {
    header: { ...ground.header(), request_id: ground.number },
    candidate_id: "a",
  });

  expect(again).toEqual(first);
});

test("a number that goes back behind what was acknowledged is refused", async () => {
  await ground.evict({});
  const header = { ...ground.header(), request_id: ground.number };
  const beat = { partition: HOME, session_id: ground.session, request_id: ground.number };
  await ground.ask(`${S0_SESSION}/KeepAlive`, { header: beat });
  const back = (): Promise<S0Answer> =>
    ground.ask(`${S0_ELECTION}/Evict`, { header, candidate_id: "a" });

  // The beat is answered before what it acknowledges is forgotten: till then the answer is replayed.
  await expect.poll(() => outcomeOf(back())).toBe("ERROR in band");
});

test("a number that jumps is waited for no longer than a session lives; then the gap is void", async () => {
  const session = await ground.open(HOME, 1);
  const header = { ...ground.header(), session_id: session };
  const evict = (request_id: number, candidate_id: string): Promise<S0Answer> =>
    ground.ask(`${S0_ELECTION}/Evict`, { header: { ...header, request_id }, candidate_id });
  await ground.ask(`${S0_ELECTION}/Create`, { header: { ...header, request_id: 1 } });
  const beats = setInterval(() => {
    const beat = { header: { partition: HOME, session_id: session, request_id: 1 } };
    ground.ask(`${S0_SESSION}/KeepAlive`, beat).catch(() => {});
  }, 200);

  expect(await outcomeOf(evict(4, "nobody"))).toBe("OK in band");
  expect(await outcomeOf(evict(3, "a"))).toBe("ERROR in band");
  clearInterval(beats);
});

test("a stream that is opened twice says the same on both", async () => {
  ground.number += 1;
  const header = { ...ground.header(), request_id: ground.number };
  const streams = [1, 2].map(() =>
    ground.channel.stream<S0Answer>(`${S0_ELECTION}/Events`, { header }),
  );
  const [first, second] = await Promise.all(streams.map((stream) => stream.message()));

  expect(first?.header).toMatchObject({ type: "OPEN_STREAM", response_id: "1" });
  expect(second).toEqual(first);
  for (const stream of streams) stream.cancel();
});

test("a beat that acknowledges what never was is served, and closes nothing that comes", async () => {
  const session = await ground.open(HOME);
  const header = { ...ground.header(), session_id: session };
  await ground.ask(`${S0_ELECTION}/Create`, { header: { ...header, request_id: 1 } });
  const streams = [{ stream_id: 77, response_id: 5 }, { stream_id: "18446744073709551615" }];
  const beat = {
    partition: HOME,
    session_id: session,
    request_id: "18446744073709551615",
    streams,
  };

  const answered = await outcomeOf(ground.ask(`${S0_SESSION}/KeepAlive`, { header: beat }));

  expect(["OK in band", "ERROR in band"]).toContain(answered);
  const next = ground.ask(`${S0_ELECTION}/GetTerm`, { header: { ...header, request_id: 1 } });
  expect((await next).term?.leader).toBe("a");
});

function row(what: string, is: string, ask: BadRequest<Ground>["ask"]): BadRequest<Ground> {
  return { what, is, ask };
}

/** A name whose home this is, that nobody has created. */
function nameAt(home: number): string {
  for (let i = 0; ; i += 1) {
    if (homeAmong([1, 2, 3], `unknown ${i}`) === home) return `unknown ${i}`;
  }
}
