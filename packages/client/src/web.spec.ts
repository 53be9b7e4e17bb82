// SPDX-License-Identifier: Apache-2.0
/** What a page's client takes of its page, and that it gives it back. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { connect, type WebConnectOptions } from "./web.ts";

let page: { readonly document: Listened; readonly window: Listened };

beforeEach(() => {
  page = { document: new Listened(), window: new Listened() };
  const { document, window } = page;
  Object.assign(globalThis, {
    document,
    addEventListener: window.addEventListener.bind(window),
    removeEventListener: window.removeEventListener.bind(window),
  });
});

afterEach(() => {
  for (const name of ["document", "addEventListener", "removeEventListener"])
    Reflect.deleteProperty(globalThis, name);
});

const endpoints = ["http://127.0.0.1:1"];
const refused: readonly (readonly [string, WebConnectOptions])[] = [
  ["INVALID", { endpoints: [] }],
  ["INVALID", { endpoints: ["ftp://node-1"] }],
  ["INVALID", { endpoints, sessionTtlMs: -1 }],
  ["INVALID", { endpoints, timeoutMs: 0 }],
  ["ABORTED", { endpoints, signal: AbortSignal.abort() }],
];

test.each(refused)(
  "a connection that is refused as %s, by %o, listens to nothing of its page any more",
  async (code, options) => {
    await expect(connect(options)).rejects.toMatchObject({ code });

    expect(page.document.taken).toBeGreaterThan(0);
    expect([...page.document.left, ...page.window.left]).toEqual([]);
  },
);

/** Knows who has come to listen, and who has not gone; of one name there is one at a time. */
class Listened extends EventTarget {
  readonly left = new Set<string>();
  taken = 0;

  override addEventListener(...args: Parameters<EventTarget["addEventListener"]>): void {
    this.taken += 1;
    this.left.add(args[0]);
    super.addEventListener(...args);
  }

  override removeEventListener(...args: Parameters<EventTarget["removeEventListener"]>): void {
    this.left.delete(args[0]);
    super.removeEventListener(...args);
  }
}
