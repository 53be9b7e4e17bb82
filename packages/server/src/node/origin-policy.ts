// SPDX-License-Identifier: Apache-2.0
/**
 * Which pages may call: those of this node's own origin, and those that its operator lets in.
 *
 * A browser carries out simple requests of any page and only hides the answer, so whoever is not let
 * in is refused before anything is done. Callers that are no pages send no Origin and are let in;
 * this is no authentication.
 */

import { isIP } from "node:net";
import { cors } from "@connectrpc/connect";
import type { PortRequest, PortResponse } from "./connections.ts";

export interface OriginPolicyOptions {
  readonly scheme: "http" | "https";
  /** What this node is known by, besides its addresses and `localhost`; names without a port. */
  readonly ownNames: readonly string[];
  /** Origins, for instance `https://ops.example.org`, whose pages may call. Empty: none but our own. */
  readonly corsOrigins: readonly string[];
}

export interface OriginPolicy {
  /** Says in the answer's head what a browser has to know, and returns why the page may not call. */
  judge(request: PortRequest, response: PortResponse): string | undefined;
}

/** How long a browser may remember a preflight's answer: 2 h, the most that Chromium keeps. */
const PREFLIGHT_SECONDS = 7_200;

const ALLOWED_METHODS = cors.allowedMethods.join(", ");
/** Tokens, and what S2 and S3 are told in metadata. */
const ALLOWED_HEADERS = [
  ...cors.allowedHeaders,
  "Authorization",
  ...["application-id", "primitive-id", "session-id"],
].join(", ");
/** Also what S2 tells in metadata. */
const EXPOSED_HEADERS = [...cors.exposedHeaders, "conclave-term"].join(", ");

export function createOriginPolicy(options: OriginPolicyOptions): OriginPolicy {
  const allowed = new Set(options.corsOrigins);
  const isOwn = ownOriginOf(options);
  return {
    judge(request, response) {
      const { origin } = request.headers;
      // Said where no page asks, too, or a cache would give one origin's answer to another.
      if (origin !== undefined || request.method === "GET") response.setHeader("Vary", "Origin");
      if (origin === undefined || isOwn(origin, request)) return undefined;
      if (!allowed.has(origin)) return refusalOf(origin);
      allow(origin, request, response);
      return undefined;
    },
  };
}

/**
 * Whether an origin is that of the address under which it asks. In clear text a name is not enough: a
 * page can give its own name our address (DNS rebinding). A certificate would not fit that name.
 */
function ownOriginOf({
  scheme,
  ownNames,
}: OriginPolicyOptions): (origin: string, request: PortRequest) => boolean {
  const names = new Set(["localhost", ...ownNames.map((name) => name.toLowerCase())]);
  const isOurs = (name: string): boolean =>
    names.has(name) || name.endsWith(".localhost") || isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0;
  return (origin, request) => {
    const authority = "authority" in request ? request.authority : request.headers.host;
    if (authority === undefined || origin !== `${scheme}://${authority}`) return false;
    return scheme === "https" || isOurs(authority.replace(/:\d+$/, ""));
  };
}

function allow(origin: string, request: PortRequest, response: PortResponse): void {
  response.setHeader("Access-Control-Allow-Origin", origin);
  response.setHeader("Access-Control-Expose-Headers", EXPOSED_HEADERS);
  if (request.method !== "OPTIONS") return;
  response.setHeader("Access-Control-Allow-Methods", ALLOWED_METHODS);
  response.setHeader("Access-Control-Allow-Headers", ALLOWED_HEADERS);
  response.setHeader("Access-Control-Max-Age", String(PREFLIGHT_SECONDS));
  // Chromium asks where a page of the internet calls an address of the local network.
  if (request.headers["access-control-request-private-network"] === "true")
    response.setHeader("Access-Control-Allow-Private-Network", "true");
}

function refusalOf(origin: string): string {
  if (origin === "null")
    return "this node takes no calls of pages without an origin: files, sandboxed frames";
  const shown = /^https?:\/\/[\w.:[\]-]{1,260}$/.test(origin) ? origin : "this origin";
  return `this node takes no calls of pages of ${shown}; --cors-origin ORIGIN would let them in`;
}
