// SPDX-License-Identifier: Apache-2.0
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import { generate } from "selfsigned";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { type FrontPort, openFrontPort } from "./front-port.ts";
import { createHttpRoutes } from "./http-routes.ts";
import { createOriginPolicy } from "./origin-policy.ts";
import { createReadiness } from "./readiness.ts";
import { systemClock } from "./system-clock.ts";

const FRIEND = "https://ops.example.org";
const STRANGER = "https://evil.example.org";
const CALL = "/conclave.v1.ElectionService/Enter";

const opened: FrontPort[] = [];
/** The paths of the calls that were carried out. */
const carriedOut: string[] = [];
let tls: { readonly certificate: string; readonly key: string };

beforeAll(async () => {
  const made = await generate([{ name: "commonName", value: "localhost" }], { keySize: 2048 });
  tls = { certificate: made.cert, key: made.private };
});

afterEach(async () => {
  carriedOut.length = 0;
  await Promise.all(opened.splice(0).map((port) => port.close(0)));
});

interface Wire {
  readonly scheme: "http" | "https";
  readonly version: "1.1" | "2";
}

const WIRES: readonly Wire[] = [
  { scheme: "http", version: "1.1" },
  { scheme: "http", version: "2" },
  { scheme: "https", version: "1.1" },
  { scheme: "https", version: "2" },
];

interface Policy {
  readonly corsOrigins?: readonly string[];
  readonly ownNames?: readonly string[];
}

/** A port with the routes of a node, whose every service call is noted and answered. */
async function open({ scheme }: Pick<Wire, "scheme">, policy: Policy = {}): Promise<string> {
  const handler = createHttpRoutes({
    rpc: (request, response) => {
      carriedOut.push(request.url ?? "");
      response.end("carried out");
      return true;
    },
    readiness: createReadiness(() => []),
    metrics: { page: async () => "a 1\n", contentType: "text/plain" },
    origins: createOriginPolicy({ scheme, ownNames: [], corsOrigins: [], ...policy }),
    consoleFiles: new Map(),
  });
  const secured = scheme === "https" ? { tls } : {};
  const address = { host: "127.0.0.1", port: 0 };
  const outcome = await openFrontPort({ ...address, clock: systemClock, handler, ...secured });
  if (outcome.kind !== "open") throw new Error(outcome.detail);
  opened.push(outcome.port);
  return outcome.port.url;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

type Head = Readonly<Record<string, string>>;

/** Asks as a browser would, which sends Host and Origin whatever a page says. */
async function ask(
  version: Wire["version"],
  url: string,
  method: string,
  path: string,
  head: Head,
): Promise<Answer> {
  if (version === "2") return askHttp2(url, method, path, head);
  const options = { method, headers: head, rejectUnauthorized: false, agent: false as const };
  const send = url.startsWith("https:") ? httpsRequest : httpRequest;
  const request = send(`${url}${path}`, options);
  request.end(method === "POST" ? "{}" : undefined);
  const [response]: [IncomingMessage] = (await once(request, "response")) as [IncomingMessage];
  const { statusCode = 0, headers } = response;
  return { status: statusCode, headers, body: await text(response) };
}

async function askHttp2(url: string, method: string, path: string, head: Head): Promise<Answer> {
  const { host, ...others } = head;
  const session = connectHttp2(url, { rejectUnauthorized: false });
  const authority = host === undefined ? {} : { ":authority": host };
  const stream = session.request(
    { ":method": method, ":path": path, ...authority, ...others },
    { endStream: method !== "POST" },
  );
  if (method === "POST") stream.end("{}");
  const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders];
  const body = await text(stream);
  session.close();
  return { status: Number(headers[":status"]), headers, body };
}

function corsHeadersOf({ headers }: Answer): readonly string[] {
  return Object.keys(headers).filter((name) => name.startsWith("access-control-"));
}

const preflightOf = (origin: string): Head => ({
  Origin: origin,
  "Access-Control-Request-Method": "POST",
  "Access-Control-Request-Headers": "authorization,connect-protocol-version,content-type",
});

describe.each(WIRES)("over $scheme, HTTP/$version", ({ scheme, version }) => {
  const call = (url: string, head: Head): Promise<Answer> => ask(version, url, "POST", CALL, head);

  test("callers that are no pages are carried out", async () => {
    const answer = await call(await open({ scheme }), {});
    expect([answer.status, carriedOut]).toEqual([200, [CALL]]);
  });

  test("a page of this node's own origin may call, and needs no headers for it", async () => {
    const url = await open({ scheme });
    const answer = await call(url, { Origin: url });
    expect([answer.status, carriedOut]).toEqual([200, [CALL]]);
    expect(corsHeadersOf(answer)).toEqual([]);
  });

  test("a page of another origin is refused in words before anything is carried out", async () => {
    const url = await open({ scheme }, { corsOrigins: [FRIEND] });
    const answer = await call(url, { Origin: STRANGER, "Content-Type": "text/plain" });
    expect(answer.status).toBe(403);
    expect(answer.body).toBe(
      "this node takes no calls of pages of https://evil.example.org; --cors-origin ORIGIN would let them in\n",
    );
    expect(answer.headers["content-type"]).toBe("text/plain; charset=utf-8");
    expect(corsHeadersOf(answer)).toEqual([]);
    expect(carriedOut).toEqual([]);
  });

  test("a preflight of another origin is refused in words and without headers", async () => {
    const url = await open({ scheme });
    const answer = await ask(version, url, "OPTIONS", CALL, preflightOf(STRANGER));
    expect([answer.status, answer.headers["vary"]]).toEqual([403, "Origin"]);
    expect(answer.body).toContain("--cors-origin");
    expect(corsHeadersOf(answer)).toEqual([]);
  });

  test("a page of an allowed origin may ask, call and read", async () => {
    const url = await open({ scheme }, { corsOrigins: [FRIEND] });
    const preflight = await ask(version, url, "OPTIONS", CALL, preflightOf(FRIEND));
    expect([preflight.status, preflight.body]).toEqual([204, ""]);
    const { headers } = preflight;
    expect(headers["access-control-allow-origin"]).toBe(FRIEND);
    expect(headers["access-control-allow-methods"]).toBe("POST, GET");
    expect(headers["access-control-max-age"]).toBe("7200");
    expect(headers["access-control-allow-headers"]?.split(", ")).toEqual(
      expect.arrayContaining([
        ...["Authorization", "Content-Type", "Connect-Protocol-Version", "Connect-Timeout-Ms"],
        ...["X-Grpc-Web", "X-User-Agent", "Grpc-Timeout"],
        ...["application-id", "primitive-id", "session-id"],
      ]),
    );
    expect(carriedOut).toEqual([]);
    const answer = await call(url, { Origin: FRIEND });
    expect([answer.status, answer.body, answer.headers["vary"]]).toEqual([
      200,
      "carried out",
      "Origin",
    ]);
    expect(answer.headers["access-control-allow-origin"]).toBe(FRIEND);
    expect(answer.headers["access-control-expose-headers"]?.split(", ")).toEqual(
      expect.arrayContaining(["Grpc-Status", "Grpc-Message", "conclave-term"]),
    );
    expect(answer.headers["access-control-allow-credentials"]).toBeUndefined();
  });

  test("the same name under another port or scheme is another origin", async () => {
    const url = await open({ scheme });
    const other =
      scheme === "http" ? url.replace("http:", "https:") : url.replace("https:", "http:");
    for (const origin of [other, url.replace(/:\d+$/, ""), `${url}0`]) {
      expect((await call(url, { Origin: origin })).status).toBe(403);
    }
    expect(carriedOut).toEqual([]);
  });

  test.each(["null", "nonsense\tof <a> kind", "http://"])(
    "an Origin of %j is refused and not repeated",
    async (origin) => {
      const answer = await call(await open({ scheme }), { Origin: origin });
      expect(answer.status).toBe(403);
      expect(answer.body).not.toContain("<a>");
      expect(carriedOut).toEqual([]);
    },
  );

  test("probes and metrics answer pages of any origin, which their browsers keep from them", async () => {
    const url = await open({ scheme });
    for (const path of ["/healthz", "/readyz", "/metrics"]) {
      const answer = await ask(version, url, "GET", path, { Origin: STRANGER });
      expect([answer.status, corsHeadersOf(answer)]).toEqual([200, []]);
    }
  });
});

describe("a name that was made to lead to this node", () => {
  const asked = (name: string): Head => ({ Host: `${name}:7400`, Origin: `http://${name}:7400` });

  test.each(["1.1", "2"] as const)(
    "makes no page of its own origin in clear text, over HTTP/%s",
    async (version) => {
      const url = await open({ scheme: "http" });
      const head = version === "2" ? { host: "evil.example.org:7400" } : {};
      const answer = await ask(version, url, "POST", CALL, {
        ...asked("evil.example.org"),
        ...head,
      });
      expect([answer.status, carriedOut]).toEqual([403, []]);
    },
  );

  test.each(["localhost", "conclave.localhost", "10.0.0.1", "[fd00::1]", "node1.example.org"])(
    "is fine where it is %s",
    async (name) => {
      const url = await open({ scheme: "http" }, { ownNames: ["Node1.example.org"] });
      expect((await ask("1.1", url, "POST", CALL, asked(name))).status).toBe(200);
    },
  );

  test("is fine under TLS, where a certificate vouches for it", async () => {
    const url = await open({ scheme: "https" });
    const head = { Host: "any.example.org", Origin: "https://any.example.org" };
    expect((await ask("1.1", url, "POST", CALL, head)).status).toBe(200);
  });
});

test("a page of the internet that is allowed may reach into a local network", async () => {
  const url = await open({ scheme: "http" }, { corsOrigins: [FRIEND] });
  const head = { ...preflightOf(FRIEND), "Access-Control-Request-Private-Network": "true" };
  const answer = await ask("1.1", url, "OPTIONS", CALL, head);
  expect(answer.headers["access-control-allow-private-network"]).toBe("true");
});

test("what a cache may keep is said to depend on the origin, even where none was sent", async () => {
  const url = await open({ scheme: "http" });
  expect((await ask("1.1", url, "GET", CALL, {})).headers["vary"]).toBe("Origin");
});
