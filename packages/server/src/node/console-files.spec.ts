// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { answerConsole, readConsoleFiles } from "./console-files.ts";
import { type FrontPort, openFrontPort } from "./front-port.ts";
import { pathOf } from "./rpc-handler.ts";
import { systemClock } from "./system-clock.ts";

const PAGE = `<!doctype html><title>Console</title>${"<p>words</p>".repeat(100)}`;
const SCRIPT = "console.log(1);".repeat(100);

let folder: string;
let port: FrontPort;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "conclave-console-"));
  const dist = join(folder, "dist");
  await mkdir(join(dist, "assets"), { recursive: true });
  await writeFile(join(dist, "index.html"), PAGE);
  await writeFile(join(dist, "favicon.svg"), "<svg/>");
  await writeFile(join(dist, "assets", "main-BcD3fG_1.js"), SCRIPT);
  await writeFile(join(dist, "assets", "main-AbC1dE-2.css"), "a{}");
  await writeFile(join(folder, "secret"), "secret");
  await symlink(join(folder, "secret"), join(dist, "assets", "link.js"));
  const files = await readConsoleFiles(dist);
  const outcome = await openFrontPort({
    host: "127.0.0.1",
    port: 0,
    clock: systemClock,
    handler: (request, response) => {
      if (answerConsole(files, pathOf(request), request, response)) return;
      response.writeHead(404);
      response.end("not found");
    },
  });
  if (outcome.kind !== "open") throw new Error(outcome.detail);
  port = outcome.port;
});

afterEach(async () => {
  await port.close(0);
  await rm(folder, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}

function ask(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // A path as it stands: `fetch` would resolve the dots in it.
    const { hostname, port: number } = new URL(port.url);
    const request = httpRequest({ hostname, port: number, path, method, headers, agent: false });
    request.on("error", reject);
    request.on("response", async (response) => {
      const { statusCode = 0, headers: head } = response;
      resolve({ status: statusCode, headers: head, bytes: await buffer(response) });
    });
    request.end();
  });
}

test("the page is at the root and is asked for anew each time", async () => {
  const { status, headers, bytes } = await ask("/");
  expect([status, bytes.toString()]).toEqual([200, PAGE]);
  expect(headers["content-type"]).toBe("text/html; charset=utf-8");
  expect(headers["cache-control"]).toBe("no-cache");
  expect(headers["content-length"]).toBe(String(PAGE.length));
});

test.each([
  ["/assets/main-BcD3fG_1.js", "text/javascript; charset=utf-8"],
  ["/assets/main-AbC1dE-2.css", "text/css; charset=utf-8"],
])("%s is for ever what its name says", async (path, type) => {
  const { status, headers } = await ask(path);
  expect([status, headers["content-type"]]).toEqual([200, type]);
  expect(headers["cache-control"]).toBe("public, max-age=31536000, immutable");
});

test("a file beside the page may change with it", async () => {
  const { headers } = await ask("/favicon.svg");
  expect(headers["content-type"]).toBe("image/svg+xml; charset=utf-8");
  expect(headers["cache-control"]).toBe("no-cache");
});

test.each(["/", "/assets/main-BcD3fG_1.js", "/favicon.svg"])(
  "%s comes with the headers that keep a page to itself",
  async (path) => {
    const { headers } = await ask(path);
    expect(String(headers["content-security-policy"]).split("; ")).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data:",
      "font-src 'self'",
      "connect-src 'self'",
      "worker-src blob:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
    expect(headers["x-content-type-options"]).toBe("nosniff");
    expect(headers["referrer-policy"]).toBe("no-referrer");
    expect(headers["cross-origin-opener-policy"]).toBe("same-origin");
    expect(headers["cross-origin-resource-policy"]).toBe("same-origin");
    expect(headers["permissions-policy"]).toContain("geolocation=()");
    expect(headers["set-cookie"]).toBeUndefined();
  },
);

test("it is compressed for those who take that, and only then", async () => {
  const plain = await ask("/");
  const packed = await ask("/", { "Accept-Encoding": "br, gzip;q=0.5" });
  expect(packed.headers["content-encoding"]).toBe("gzip");
  expect(packed.headers["content-length"]).toBe(String(packed.bytes.length));
  expect(packed.bytes.length).toBeLessThan(plain.bytes.length);
  expect(gunzipSync(packed.bytes).toString()).toBe(PAGE);
  expect(packed.headers["etag"]).not.toBe(plain.headers["etag"]);
  for (const refused of ["gzip;q=0", "gzip; q=0.000", "br", "identity"]) {
    const { headers } = await ask("/", { "Accept-Encoding": refused });
    expect([refused, headers["content-encoding"]]).toEqual([refused, undefined]);
    expect(headers["vary"]).toBe("Accept-Encoding");
  }
});

test("what compression would make larger is left as it is", async () => {
  const { headers } = await ask("/favicon.svg", { "Accept-Encoding": "gzip" });
  expect(headers["content-encoding"]).toBeUndefined();
});

test.each([{}, { "Accept-Encoding": "gzip" }])(
  "who has the very bytes gets none again, with %o",
  async (head) => {
    const etag = String((await ask("/", head)).headers["etag"]);
    for (const known of [etag, `"other", W/${etag}`]) {
      const { status, headers, bytes } = await ask("/", { ...head, "If-None-Match": known });
      expect([status, bytes.length, headers["etag"]]).toEqual([304, 0, etag]);
      expect(headers["content-security-policy"]).toContain("default-src 'none'");
    }
    expect((await ask("/", { ...head, "If-None-Match": `"other"` })).status).toBe(200);
  },
);

test("HEAD tells all but the bytes", async () => {
  const whole = await ask("/");
  const { status, headers, bytes } = await ask("/", {}, "HEAD");
  expect([status, bytes.length]).toEqual([200, 0]);
  expect(headers["content-length"]).toBe(whole.headers["content-length"]);
  expect(headers["etag"]).toBe(whole.headers["etag"]);
});

test("a query is no part of a file's name", async () => {
  expect((await ask("/?theme=dark")).status).toBe(200);
});

test.each([
  "/assets",
  "/assets/",
  "/index.html",
  "//",
  "/../secret",
  "/assets/../../secret",
  "/assets/%2e%2e/%2e%2e/secret",
  "/assets/link.js",
  "/constructor",
])("%s is not there", async (path) => {
  const { status, bytes } = await ask(path);
  expect([status, bytes.toString()]).toEqual([404, "not found"]);
});

test("the page is only for reading", async () => {
  expect((await ask("/", {}, "POST")).status).toBe(404);
});

test("HTTP/2 gets the same", async () => {
  const session = connectHttp2(port.url);
  const stream = session.request({ ":path": "/", "accept-encoding": "gzip" });
  const head = new Promise<IncomingHttpHeaders>((resolve) => stream.on("response", resolve));
  const bytes = await buffer(stream);
  session.close();
  expect(gunzipSync(bytes).toString()).toBe(PAGE);
  expect((await head)["content-security-policy"]).toContain("script-src 'self'");
});

test("a folder that is not there is no console", async () => {
  await expect(readConsoleFiles(join(folder, "none"))).rejects.toThrow("ENOENT");
});
