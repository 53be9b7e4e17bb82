// SPDX-License-Identifier: Apache-2.0
/** Re-binding between principals, S4's numbers and S4's Restore (semantics A1, A4; schedule M). */
import { describe, expect, test } from "vitest";
import type { Command } from "./command.ts";
import type { DialectOperation } from "./dialect-command.ts";
import { officeRevisionOf, viewOf } from "./read.ts";
import {
  call,
  close,
  createDriver,
  type Driver,
  KEY,
  key,
  open,
  show,
  showReply,
} from "./spec/driver.ts";

const on = (kind: "enter", candidate: string, of = KEY): DialectOperation => ({
  kind,
  key: of,
  candidate,
});

describe("re-binding and Restore", () => {
  test("with authentication on, a name is re-bound for the same principal only", () => {
    const driver = createDriver();
    const as = (sessionId: bigint, principal: string): Command => ({
      ...(open(sessionId) as Command & { kind: "open-session" }),
      principal,
    });
    driver.run(as(1n, "ann"), as(2n, "eve"), as(3n, "ann"), call(1n, on("enter", "a")));
    expect(showReply(driver.ask(call(2n, on("enter", "a"))))).toBe("permission_denied");
    expect(showReply(driver.ask(call(3n, on("enter", "a"))))).toBe("done");
  });

  test("a number of S4 is executed once per session and primitive", () => {
    const driver = createDriver();
    driver.run(open(1n), open(2n));
    const once = (id: bigint, name: string): string =>
      showReply(
        driver.ask(call(id, on("enter", `c${id}`, key(name)), { kind: "once", number: 5n })),
      );
    expect(once(1n, "e")).toBe("done");
    expect(once(1n, "e")).toBe("done replayed");
    expect(once(1n, "f")).toBe("done");
    expect(once(2n, "e")).toBe("done");
  });

  const restored = (term: bigint, names: string[], leader = names[0]): DialectOperation => ({
    kind: "restore",
    key: KEY,
    term,
    ...(leader === undefined ? {} : { leader }),
    participants: names.map((candidate, i) => ({
      candidate,
      sessionId: 50n + BigInt(i),
      ttlMs: 10_000,
    })),
  });

  function latched(): Driver {
    const driver = createDriver();
    driver.run(open(1n), open(2n), call(1n, on("enter", "a")), call(2n, on("enter", "b")));
    return driver;
  }

  test("Restore keeps the sessions that hold a name and opens one for the others: nobody is immortal", () => {
    const driver = latched();
    const { changes, sessionsOpened } = driver.run(call(1n, restored(9n, ["a", "x"])));
    expect(show(driver.state)).toBe("9 a [a x]");
    expect(viewOf(driver.state, KEY)?.leader?.sessionId).toBe(1n);
    expect(sessionsOpened).toMatchObject([{ sessionId: 51n, ttlMs: 10_000 }]);
    expect(changes).toHaveLength(1);
  });

  test("Restore takes the higher term, + 1 when the leader changes", () => {
    const driver = latched();
    driver.run(call(1n, restored(9n, ["b", "a"])));
    expect(show(driver.state)).toBe("10 b [b a]");
    driver.run(call(1n, restored(2n, ["a"])));
    expect(show(driver.state)).toBe("11 a [a]");
    driver.run(call(1n, restored(20n, [])));
    expect(show(driver.state)).toBe("20 - []");
  });

  test.each([
    ["a term too far ahead", restored(1n + (1n << 32n) + 1n, ["a"])],
    ["the highest term there is", restored((1n << 64n) - 1n, ["a"])],
    ["a leader that is not the first", restored(1n, ["a", "b"], "b")],
    ["a name twice", restored(1n, ["a", "a"])],
  ])("M: Restore with %s is refused and changes nothing", (_, operation) => {
    const driver = latched();
    const before = driver.state.revision;
    expect(showReply(driver.ask(call(1n, operation)))).toBe("invalid_restore");
    expect(show(driver.state)).toBe("1 a [a b]");
    expect(driver.state.revision).toBe(before);
  });

  test("a Restore of a term that is just not too far ahead is served", () => {
    const driver = latched();
    expect(showReply(driver.ask(call(1n, restored(1n + (1n << 32n), ["a"]))))).toBe("done");
    expect(show(driver.state)).toBe(`${1n + (1n << 32n)} a [a]`);
    expect(officeRevisionOf(driver.state, 1n)).toBe(3n);
  });

  test("a Restore of what is already so is no event", () => {
    const driver = latched();
    const { changes } = driver.run(call(1n, restored(1n, ["a", "b"])));
    expect(changes).toEqual([]);
  });

  test("a Restore that is sent again under its number is answered again, though other sessions were drawn for it", () => {
    const driver = latched();
    const send = (firstSession: bigint, term: bigint): string => {
      const participants = [{ candidate: "x", sessionId: firstSession, ttlMs: 10_000 }];
      const operation = { kind: "restore", key: KEY, term, leader: "x", participants } as const;
      return showReply(driver.ask(call(1n, operation, { kind: "once", number: 5n })));
    };
    expect(send(50n, 9n)).toBe("done");
    driver.run(call(1n, on("enter", "a")));
    expect(send(60n, 9n)).toBe("done replayed");
    expect(show(driver.state)).toBe("10 x [x a]");
    expect(send(70n, 8n)).toBe("request_id_reused");
  });

  test("an operator without a session can restore", () => {
    const driver = createDriver();
    expect(showReply(driver.ask(call(0n, restored(9n, ["x", "y"]))))).toBe("done");
    expect(show(driver.state)).toBe("10 x [x y]");
  });

  test("Restore with a session that has ended changes nothing", () => {
    const driver = latched();
    driver.run(open(50n), close(50n));
    expect(showReply(driver.ask(call(1n, restored(9n, ["x"]))))).toBe("session_ended");
    expect(show(driver.state)).toBe("1 a [a b]");
  });
});
