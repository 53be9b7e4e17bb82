// SPDX-License-Identifier: Apache-2.0
/**
 * The console's files over HTTP: read once, and from then on served from memory under the headers
 * that keep a page of ours to itself.
 *
 * Nothing but these files is ever served, by their exact names; there is no listing.
 */

import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { PortRequest, PortResponse } from "./connections.ts";

/** By path; empty where no console is installed. */
export type ConsoleFiles = ReadonlyMap<string, ConsoleFile>;

interface ConsoleFile {
  readonly contentType: string;
  readonly cacheControl: string;
  readonly plain: Representation;
  /** Undefined where it would not be smaller. */
  readonly gzipped: Representation | undefined;
}

interface Representation {
  readonly bytes: Buffer;
  /** Differs from that of the other representation, as RFC 9110 section 8.8.3 asks. */
  readonly etag: string;
}

/**
 * Everything comes from us and nothing is inline; nobody frames it, and it sends no form anywhere. The
 * worker is the SDK's alarm clock in a hidden page, bound by this policy too. It could not be made
 * under `require-trusted-types-for`, which adds little where no inline script runs anyway.
 */
const CONTENT_SECURITY_POLICY = [
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
].join("; ");

/** What a page could ask a browser for, and the console does not. */
const NO_PERMISSIONS = [
  ...["accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer"],
  ...["microphone", "midi", "payment", "screen-wake-lock", "usb", "xr-spatial-tracking"],
]
  .map((feature) => `${feature}=()`)
  .join(", ");

const SECURITY_HEADERS: readonly (readonly [name: string, value: string])[] = [
  ["Content-Security-Policy", CONTENT_SECURITY_POLICY],
  ["Cross-Origin-Opener-Policy", "same-origin"],
  ["Cross-Origin-Resource-Policy", "same-origin"],
  ["Permissions-Policy", NO_PERMISSIONS],
  ["Referrer-Policy", "no-referrer"],
  ["X-Content-Type-Options", "nosniff"],
];

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json; charset=utf-8",
  ".woff2": "font/woff2",
};

const pack = promisify(gzip);

/** Reads a folder as Vite builds it: `index.html`, and under `assets/` files whose names have a hash. */
export async function readConsoleFiles(folder: string): Promise<ConsoleFiles> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = new Map<string, ConsoleFile>();
  for (const entry of entries) {
    // A link may lead out of the folder.
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const path = `/${relative(folder, file).replaceAll(sep, "/")}`;
    files.set(path === "/index.html" ? "/" : path, await consoleFile(path, await readFile(file)));
  }
  return files;
}

/** Answers a request for one of the files, else returns false and leaves it alone. */
export function answerConsole(
  files: ConsoleFiles,
  path: string,
  request: PortRequest,
  response: PortResponse,
): boolean {
  const file = files.get(path);
  if (file === undefined || (request.method !== "GET" && request.method !== "HEAD")) return false;
  const representation =
    file.gzipped !== undefined && takesGzip(request) ? file.gzipped : file.plain;
  const { bytes, etag } = representation;
  for (const [name, value] of SECURITY_HEADERS) response.setHeader(name, value);
  response.setHeader("Cache-Control", file.cacheControl);
  response.setHeader("ETag", etag);
  response.setHeader("Vary", "Accept-Encoding");
  if (isKnown(etag, request.headers["if-none-match"])) {
    response.writeHead(304);
    response.end();
    return true;
  }
  response.setHeader("Content-Type", file.contentType);
  response.setHeader("Content-Length", bytes.length);
  if (representation === file.gzipped) response.setHeader("Content-Encoding", "gzip");
  response.writeHead(200);
  if (request.method === "HEAD") response.end();
  else response.end(bytes);
  return true;
}

async function consoleFile(path: string, bytes: Buffer): Promise<ConsoleFile> {
  const gzipped = await pack(bytes, { level: 9 });
  const digest = createHash("sha256").update(bytes).digest("base64url").slice(0, 22);
  return {
    contentType: CONTENT_TYPES[extname(path)] ?? "application/octet-stream",
    // A name with a hash never means other bytes; a new console comes with a new page.
    cacheControl: path.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache",
    plain: { bytes, etag: `"${digest}"` },
    gzipped:
      gzipped.length < bytes.length ? { bytes: gzipped, etag: `"${digest}-gzip"` } : undefined,
  };
}

function takesGzip(request: PortRequest): boolean {
  const accepted = String(request.headers["accept-encoding"] ?? "").split(",");
  return accepted.some((coding) => {
    const [name = "", ...parameters] = coding.toLowerCase().split(";");
    const isRefused = parameters.some((parameter) => /^\s*q=0(\.0*)?\s*$/.test(parameter));
    return name.trim() === "gzip" && !isRefused;
  });
}

/** Whether the client has these very bytes, as If-None-Match says. */
function isKnown(etag: string, asked: string | undefined): boolean {
  return asked?.split(",").some((one) => one.trim().replace(/^W\//, "") === etag) ?? false;
}
