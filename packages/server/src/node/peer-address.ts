// SPDX-License-Identifier: Apache-2.0
/** What the options say of the way to other nodes, as the dialer wants it. */

import type { NodeOptions } from "./node-options.ts";
import type { PeerTls } from "./peer-connection.ts";

/** How this node dials others: as its own port speaks. */
export function peerTlsOf({ tls }: Pick<NodeOptions, "tls">): PeerTls | undefined {
  if (tls === undefined) return undefined;
  return tls.authority === undefined ? {} : { ca: tls.authority };
}

/** HOST:PORT of a URL, its usual port included. */
export function addressOf(text: string): string {
  const url = new URL(text);
  return url.port === "" ? `${url.hostname}:${url.protocol === "https:" ? 443 : 80}` : url.host;
}
