// SPDX-License-Identifier: Apache-2.0
/** What conclave.v1 says and does, by plain fetch: what the other protocols are compared with. */

export interface NativeView {
  readonly term: bigint;
  /** Of the last change of this election. */
  readonly revision: bigint;
  /** Everybody, the leader first. */
  readonly list: readonly string[];
  /** What tells their sessions apart, in the same order. */
  readonly instances: readonly string[];
}

interface Named {
  readonly name: string;
  readonly instance: string;
}

interface GetAnswer {
  readonly view: {
    readonly term?: string;
    readonly revision?: string;
    readonly leader?: Named;
    readonly queue?: readonly Named[];
  };
}

/** @returns undefined when there is none of that name */
export async function nativeView(
  endpoint: string,
  name: string,
  kind: "ELECTION" | "LATCH" = "ELECTION",
): Promise<NativeView | undefined> {
  const request = { election: { name, kind: `PRIMITIVE_KIND_${kind}` } };
  const response = await post(endpoint, "ElectionService/Get", request);
  if (response.status === 404) return undefined;
  const { view } = await answerOf<GetAnswer>(response);
  const { term = "0", revision = "0", leader, queue = [] } = view;
  const everybody = leader === undefined ? queue : [leader, ...queue];
  return {
    term: BigInt(term),
    revision: BigInt(revision),
    list: everybody.map((candidate) => candidate.name),
    instances: everybody.map((candidate) => candidate.instance),
  };
}

/** Longer than any test. */
const TTL = "120s";

/** @returns the decimal id of a session that nobody needs to renew while a test runs */
export async function openNativeSession(endpoint: string): Promise<string> {
  const opening = await post(endpoint, "SessionService/OpenSession", { options: { ttl: TTL } });
  return (await answerOf<{ readonly sessionId: string }>(opening)).sessionId;
}

export async function enterNatively(
  endpoint: string,
  sessionId: string,
  name: string,
  candidate: string,
): Promise<void> {
  const command = { sessionId, number: "1" };
  const request = { election: { name }, command, candidate };
  await answerOf(await post(endpoint, "ElectionService/Enter", request));
}

export async function steerNatively(
  endpoint: string,
  verb: "Anoint" | "Promote" | "Demote" | "Evict",
  name: string,
  candidate: string,
): Promise<void> {
  await answerOf(
    await post(endpoint, `ElectionService/${verb}`, { election: { name }, candidate }),
  );
}

function post(endpoint: string, method: string, request: object): Promise<Response> {
  return fetch(`${endpoint}/conclave.v1.${method}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
  });
}

async function answerOf<T>(response: Response): Promise<T> {
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}
