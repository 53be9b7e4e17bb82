// SPDX-License-Identifier: Apache-2.0
// What no unmodified client of S1 sends, at real server processes: each request is answered with the
// error that it deserves, and the election that it is about stays as it was.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type BadRequest, CONTROL, NOISE, outcomeOf, TOO_LONG } from "./bad-request.ts";
import { bloomFilter } from "./bloom-filter.ts";
import { homeAmong } from "./fnv-home.ts";
import { GrpcChannel } from "./grpc-channel.ts";
import { enterNatively, type NativeView, nativeView, openNativeSession } from "./native-calls.ts";
import { S1_ELECTION, S1_PARTITION, S1_SERVICE, S1_SESSION, type S1Answer } from "./s1-client.ts";
import { PARTITIONS, shareCluster } from "./shared-cluster.ts";

const ELECTION = "kept";
const HOME = homeAmong([1, 2, 3], ELECTION);
const ELSEWHERE = (HOME % PARTITIONS) + 1;
const UNKNOWN = "123456789012";
const SPEC = { service: S1_SERVICE, namespace: "default", name: ELECTION };

const cluster = shareCluster();

/** What may be wrong in the headers of a call. */
interface Wrong {
  readonly partition?: number;
  readonly session?: string;
  readonly primitive?: string;
  readonly number?: number | string;
}

/** One session at the election's home that has created it, and one elsewhere. */
class Ground {
  readonly channel: GrpcChannel;
  session = "";
  primitive = "";
  elsewhere = "";
  /** The number of the last call. */
  number = 0;

  constructor(endpoint: string) {
    this.channel = new GrpcChannel(endpoint, "s1");
  }

  async open(partition_id: number): Promise<string> {
    const input = { timeout: { seconds: 60, nanos: 0 } };
    const answer = await this.ask(`${S1_PARTITION}/OpenSession`, {
      headers: { partition_id },
      input,
    });
    return (answer.output as unknown as { readonly session_id: string }).session_id;
  }

  async create(spec: object | null, wrong: Wrong = {}): Promise<S1Answer> {
    const request = { headers: this.command({ primitive: "0", ...wrong }), input: { spec } };
    return this.ask(`${S1_SESSION}/CreatePrimitive`, request);
  }

  evict(wrong: Wrong, candidate = "nobody"): Promise<S1Answer> {
    return this.ask(`${S1_ELECTION}/Evict`, { headers: this.command(wrong), input: { candidate } });
  }

  beat(input: object): Promise<S1Answer> {
    return this.ask(`${S1_PARTITION}/KeepAlive`, {
      headers: { partition_id: HOME },
      input: { session_id: this.session, last_input_sequence_num: this.number, ...input },
    });
  }

  async ask(method: string, request: object): Promise<S1Answer> {
    return (await this.channel.once<S1Answer>(method, request)).message;
  }

  command({ number = this.next(), ...wrong }: Wrong): object {
    return { operation: this.operation(wrong), sequence_num: number };
  }

  operation({
    partition = HOME,
    session = this.session,
    primitive = this.primitive,
  }: Wrong): object {
    const inSession = { partition: { partition_id: partition }, session_id: session };
    return { session: { session: inSession, primitive_id: primitive } };
  }

  next(): number {
    this.number += 1;
    return this.number;
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
  const created = await ground.create(SPEC);
  ground.primitive = (created.output as unknown as { readonly primitive_id: string }).primitive_id;
  before = await nativeView(endpoints[0]!, ELECTION);
});

afterEach(async () => {
  expect(await nativeView(cluster().endpoints[2]!, ELECTION)).toEqual(before);
});

afterAll(() => ground.channel.close());

const evict = `${S1_ELECTION}/Evict`;

const REFUSED: readonly BadRequest<Ground>[] = [
  row("no headers", "INVALID_ARGUMENT", (g) => g.ask(evict, { input: { candidate: "a" } })),
  row("headers without a session's", "INVALID_ARGUMENT", (g) =>
    g.ask(evict, { headers: { operation: { session: {} }, sequence_num: 99 } }),
  ),
  row("no partition", "INVALID_ARGUMENT", (g) => g.evict({ partition: 0 })),
  row("an unknown partition", "INVALID_ARGUMENT", (g) => g.evict({ partition: 4_000_000_000 })),
  row("the number 0", "INVALID_ARGUMENT", (g) => g.evict({ number: 0 })),
  row("a number beyond all numbers", "INVALID_ARGUMENT", (g) =>
    g.evict({ number: "18446744073709551615" }),
  ),
  row("a session on an unknown partition", "INVALID_ARGUMENT", (g) => g.open(99)),
  row("a beat without headers", "INVALID_ARGUMENT", (g) => g.ask(`${S1_PARTITION}/KeepAlive`, {})),
  row("bytes that are no message", "INTERNAL", (g) => g.channel.raw(evict, NOISE)),
  row("no session", "PERMISSION_DENIED", (g) => g.evict({ session: "0" })),
  row("an unknown session", "PERMISSION_DENIED", (g) => g.evict({ session: UNKNOWN })),
  row("a beat of an unknown session", "PERMISSION_DENIED", (g) => g.beat({ session_id: UNKNOWN })),
  row("the end of an unknown session", "PERMISSION_DENIED", (g) =>
    g.ask(`${S1_PARTITION}/CloseSession`, {
      headers: { partition_id: HOME },
      input: { session_id: UNKNOWN },
    }),
  ),
  row("an unknown primitive", "FORBIDDEN in band", (g) => g.evict({ primitive: UNKNOWN })),
  row("an unknown primitive to close", "FORBIDDEN in band", (g) =>
    g.ask(`${S1_SESSION}/ClosePrimitive`, {
      headers: g.command({ primitive: UNKNOWN }),
      input: { primitive_id: UNKNOWN },
    }),
  ),
  row("a service that is none", "FORBIDDEN in band", (g) =>
    g.create({ ...SPEC, service: "atomix.runtime.map.v1.Map" }),
  ),
  row("no spec, and so no service", "FORBIDDEN in band", (g) => g.create(null)),
  row("an empty name", "INVALID in band", (g) => g.create({ ...SPEC, name: "" })),
  row("a name that is too long", "INVALID in band", (g) => g.create({ ...SPEC, name: TOO_LONG })),
  row("a name with a control character", "INVALID in band", (g) =>
    g.create({ ...SPEC, name: CONTROL }),
  ),
  row("no candidate", "INVALID in band", (g) => g.evict({}, "")),
  row("a candidate that is too long", "INVALID in band", (g) => g.evict({}, TOO_LONG)),
  row("a candidate with a control character", "INVALID in band", (g) => g.evict({}, CONTROL)),
];

describe("a request of S1 is refused, and changes nothing, that has", () => {
  test.each(REFUSED)("$what: $is", async ({ ask, is }) => {
    expect(await outcomeOf(ask(ground))).toBe(is);
  });
});

test.each([
  "{",
  "null",
  "[1]",
  "{}",
  '{"m":7,"k":5}',
  '{"m":7,"k":5,"b":"no base64!"}',
  '{"m":7,"k":5,"b":"AAAA"}',
  '{"m":1e300,"k":5,"b":"AAAAAAAAAAcAAAAAAAAAXA=="}',
  '{"m":-7,"k":5,"b":"AAAAAAAAAAcAAAAAAAAAXA=="}',
])("a filter of %s does not parse: INVALID_ARGUMENT", async (filter) => {
  const beat = ground.beat({ input_filter: Buffer.from(filter) });

  expect(await outcomeOf(beat)).toBe("INVALID_ARGUMENT");
});

test("a filter that says it has endless hashes is read in no time", async () => {
  const filter = '{"m":7,"k":9223372036854775807,"b":"AAAAAAAAAAcAAAAAAAAAXA=="}';
  const startMs = performance.now();
  await outcomeOf(ground.beat({ input_filter: Buffer.from(filter) }));

  // No test of speed: endless is what it would take.
  expect(performance.now() - startMs).toBeLessThan(10_000);
});

test("a primitive that is not at home is created, and refused what it is asked", async () => {
  const where = { partition: ELSEWHERE, session: ground.elsewhere };
  const created = await ground.create(SPEC, { ...where, number: 1 });
  const { primitive_id } = created.output as unknown as { readonly primitive_id: string };
  const asked = await ground.evict({ ...where, primitive: primitive_id, number: 2 }, "a");

  expect(asked.headers.operation.status).toBe("INVALID");
  expect(asked.headers.operation.message).toContain(`partition ${HOME}`);
});

test("a number that comes again with other content is answered as the first time", async () => {
  const number = ground.next();
  const first = await ground.evict({ number });

  expect(await ground.evict({ number }, "a")).toEqual(first);
});

test("a number that goes back behind what was acknowledged is refused in band", async () => {
  const number = ground.next();
  await ground.evict({ number });
  await ground.beat({ input_filter: Buffer.from(bloomFilter([])) });

  // The beat is answered before what it acknowledges is forgotten: till then the answer is replayed.
  await expect.poll(() => outcomeOf(ground.evict({ number }, "a"))).toBe("CONFLICT in band");
});

test("a number that jumps is executed when it comes, and so is what comes late", async () => {
  const late = ground.next();
  ground.number += 1_000;

  expect(await outcomeOf(ground.evict({ number: ground.number }))).toBe("OK in band");
  expect(await outcomeOf(ground.evict({ number: late }))).toBe("OK in band");
});

test("a watch that is opened twice under one number disturbs nobody", async () => {
  const headers = { operation: ground.operation({}), sequence_num: ground.next() };
  const request = { headers: { ...headers, max_received_index: 0 }, input: {} };
  const streams = [1, 2].map(() => ground.channel.stream(`${S1_ELECTION}/Watch`, request));
  const read = { headers: { ...headers, sequence_num: ground.next() }, input: {} };

  const answer = await ground.ask(`${S1_ELECTION}/GetTerm`, read);

  expect(answer.output.term.leader).toBe("a");
  for (const stream of streams) stream.cancel();
});

function row(what: string, is: string, ask: BadRequest<Ground>["ask"]): BadRequest<Ground> {
  return { what, is, ask };
}
