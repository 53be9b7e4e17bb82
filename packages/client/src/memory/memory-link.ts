// SPDX-License-Identifier: Apache-2.0
/**
 * One process's network to the twin: frames pass in the next turn, unless the network is cut.
 */

import type { AttachRequest, AttachResponse } from "@conclave/api";
import type { Attachment, AttachmentListener, Link } from "../link.ts";
import { nodeAt } from "./memory-nodes.ts";
import type { MemoryServer, ServerConnection } from "./memory-server.ts";

export interface MemoryLink extends Link {
  /** Drops every frame, both ways, and every attempt to connect; nobody is told. */
  cut(): void;
  /** Connections pass again. Those that were cut are ended, as a router does that has forgotten them. */
  heal(): void;
  /** Ends every connection; both sides are told. */
  reset(): void;
  /** No way leads to this node from here, whatever name it goes by. */
  hide(node: number): void;
}

interface Path {
  readonly listener: AttachmentListener;
  readonly toServer: ServerConnection;
  isOpen: boolean;
  wasCut: boolean;
}

export function createMemoryLink(
  server: MemoryServer,
  defer: (run: () => void) => void,
): MemoryLink {
  const paths = new Set<Path>();
  const hidden = new Set<number>();
  let isCut = false;

  const end = (path: Path, cause: string): void => {
    if (paths.delete(path)) lose(path, cause, defer);
  };

  return {
    attach(endpoint, listener): Attachment {
      const node = nodeAt(endpoint);
      const isSilent = (): boolean =>
        isCut || hidden.has(node) || server.nodes.state(node) === "silent";
      if (!isCut && server.nodes.state(node) === "refusing") return refused(listener, defer);
      const toServer = server.accept(node, {
        frame: (frame: AttachResponse) =>
          defer(() => {
            if (isSilent()) path.wasCut = true;
            else if (path.isOpen) listener.frame(frame);
          }),
        lost: (cause) => {
          if (!isCut) end(path, cause);
        },
      });
      const path: Path = { listener, toServer, isOpen: true, wasCut: false };
      paths.add(path);
      return {
        send: (frame: AttachRequest) =>
          defer(() => {
            if (isSilent()) path.wasCut = true;
            else if (path.isOpen) toServer.receive(frame);
          }),
        close: () => {
          path.isOpen = false;
          // The server hears of it only over a network that carries the news.
          if (isSilent()) path.wasCut = true;
          else {
            paths.delete(path);
            toServer.end();
          }
        },
      };
    },
    cut: () => {
      isCut = true;
    },
    heal: () => {
      isCut = false;
      for (const path of [...paths]) if (path.wasCut) end(path, "the connection was lost");
    },
    hide: (node) => {
      hidden.add(node);
    },
    reset: () => {
      for (const path of [...paths]) end(path, "the connection was reset");
    },
    close: () => {
      for (const path of [...paths]) {
        paths.delete(path);
        if (path.isOpen && !isCut) path.toServer.end();
      }
    },
  };
}

function lose(path: Path, cause: string, defer: (run: () => void) => void): void {
  path.isOpen = false;
  path.toServer.end();
  defer(() => path.listener.end(new Error(cause)));
}

function refused(listener: AttachmentListener, defer: (run: () => void) => void): Attachment {
  let isClosed = false;
  defer(() => {
    if (!isClosed) listener.end(new Error("connection refused"));
  });
  return {
    send: () => {},
    close: () => {
      isClosed = true;
    },
  };
}
