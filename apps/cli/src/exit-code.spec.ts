// SPDX-License-Identifier: Apache-2.0
import { ElectionError, type ElectionErrorCode } from "@conclave/client";
import { expect, test } from "vitest";
import { CliError, describeFailure, signalExitCode } from "./exit-code.ts";

const HERE = ["http://127.0.0.1:7400"];

const CODES: readonly (readonly [ElectionErrorCode, number])[] = [
  ["LOST", 1],
  ["INTERNAL", 1],
  ["INVALID", 2],
  ["NO_QUORUM", 3],
  ["TIMEOUT", 3],
  ["CONFLICT", 4],
  ["DENIED", 5],
  ["NOT_FOUND", 6],
];

test.each(CODES)("%s exits %i", (code, exitCode) => {
  expect(describeFailure(new ElectionError(code, "no"), HERE).exitCode).toBe(exitCode);
});

test("an unreachable server is named together with what to do about it", () => {
  const error = new ElectionError("TIMEOUT", "no endpoint answered", { outcome: "not-applied" });

  expect(describeFailure(error, HERE).line).toBe(
    "no endpoint answered; is a server running at http://127.0.0.1:7400? " +
      'Start one with "conclave dev", or name another with --endpoint',
  );
});

test("a command whose effect is not known says so", () => {
  const error = new ElectionError("TIMEOUT", "no answer", { outcome: "unknown" });

  expect(describeFailure(error, HERE).line).toContain("may or may not have been applied");
});

test("whatever is thrown becomes one line", () => {
  expect(describeFailure(new Error("a\n  b\nc."), HERE)).toEqual({ exitCode: 1, line: "a b c" });
  expect(describeFailure(new CliError(4, "first"), HERE)).toEqual({ exitCode: 4, line: "first" });
});

test("a signal's exit code is the one that shells use", () => {
  expect(signalExitCode("SIGTERM")).toBe(143);
  expect(signalExitCode("SIGKILL")).toBe(137);
  expect(signalExitCode("SIGINT")).toBe(130);
});
