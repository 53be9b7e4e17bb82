// SPDX-License-Identifier: Apache-2.0
import {
  type CampaignOptions,
  type Election,
  ElectionError,
  type Leadership,
} from "@conclave/client";
import { expect, test } from "vitest";
import type { Stops } from "../stops.ts";
import type { CommandEnd, Guard } from "./guarded-command.ts";
import { type RunPlan, runWhileLeading } from "./run-while-leading.ts";

const PLAN: RunPlan = {
  candidate: "a",
  command: ["worker"],
  ttlMs: 3000,
  graceMs: 0,
  drainMs: 1000,
  isOnce: false,
};

test("the command starts when the office is held, and is told its term", async () => {
  const rig = createRig(PLAN);
  expect(rig.did).toEqual(["guard"]);

  await rig.lead(7n);

  expect(rig.did).toEqual(["guard", "start worker term=7 election=demo candidate=a"]);
});

test("the office is given back only when nothing of the command runs any more", async () => {
  const rig = createRig(PLAN);
  const office = await rig.lead(1n);

  rig.stop("SIGTERM");
  await rig.settle();
  expect(office.isGivenBack()).toBe(false);
  rig.end(ended(null, "SIGTERM"));
  await rig.settle();

  expect(office.isGivenBack()).toBe(true);
  expect(await rig.exitCode).toBe(143);
});

test("a command that ends by itself ends the run with its own code", async () => {
  const rig = createRig(PLAN);
  await rig.lead(1n);

  rig.end(ended(42, null));

  expect(await rig.exitCode).toBe(42);
});

test("after an operator's move the command may drain, and another one starts with the next term", async () => {
  const rig = createRig(PLAN);
  const office = await rig.lead(1n);

  office.lose("EVICTED");
  rig.end(ended(0, null));
  await rig.settle();
  await rig.lead(3n);

  expect(rig.did).toEqual([
    "guard",
    "start worker term=1 election=demo candidate=a",
    "stop SIGTERM",
    "guard",
    "start worker term=3 election=demo candidate=a",
  ]);
});

test("a lease that is over leaves no time to drain", async () => {
  const rig = createRig(PLAN);
  const office = await rig.lead(1n);

  office.lose("EXPIRED");

  expect(rig.did.at(-1)).toBe("kill");
});

test("with --once a loss ends the run with the command's code", async () => {
  const rig = createRig({ ...PLAN, isOnce: true });
  const office = await rig.lead(1n);

  office.lose("SUPERSEDED");
  rig.end(ended(null, "SIGKILL"));

  expect(await rig.exitCode).toBe(137);
});

test("a guard that ended the command for want of renewals has lost the office, not finished", async () => {
  const rig = createRig(PLAN);
  await rig.lead(1n);

  rig.end({ kind: "ended", exit: { code: 0, signal: null }, wasLeaseLow: true });
  await rig.settle();

  expect(rig.did.at(-1)).toBe("guard");
  expect(rig.said.at(-1)).toContain("lost: the lease ran low");
});

test("a command that was killed with its guard is run again", async () => {
  const rig = createRig(PLAN);
  await rig.lead(1n);

  rig.end({ kind: "guard_gone" });
  await rig.settle();
  await rig.lead(2n);

  expect(rig.did.at(-1)).toBe("start worker term=2 election=demo candidate=a");
});

test("a program that is not there ends the run: another term would not find it either", async () => {
  const rig = createRig(PLAN);
  await rig.lead(1n);

  rig.end({ kind: "not_started", problem: 'no program "worker"', exitCode: 127 });

  expect(await rig.exitCode).toBe(127);
});

test("a signal while waiting in line ends the waiting", async () => {
  const rig = createRig(PLAN);
  await rig.settle();

  rig.stop("SIGINT");

  expect(await rig.exitCode).toBe(130);
  expect(rig.did).toEqual(["guard", "dismiss"]);
});

test("a first signal is passed on and a second one kills", async () => {
  const rig = createRig(PLAN);
  await rig.lead(1n);

  rig.stop("SIGINT");
  rig.stop("SIGINT");

  expect(rig.did.slice(-2)).toEqual(["stop SIGINT", "kill"]);
});

test("each renewal reaches the guard", async () => {
  const rig = createRig(PLAN);
  const office = await rig.lead(1n);

  office.renewTo(2500);

  expect(rig.did.at(-1)).toBe("renew 2500");
});

test("a suspended office gets no more time, nor is its command killed", async () => {
  const rig = createRig(PLAN);
  const office = await rig.lead(1n);
  office.renewTo(2500);

  office.suspend(2900);
  office.suspend(400);

  expect(rig.did.slice(-3)).toEqual(["renew 2500", "renew 2500", "renew 400"]);
});

function ended(code: number | null, signal: NodeJS.Signals | null): CommandEnd {
  return { kind: "ended", exit: { code, signal }, wasLeaseLow: false };
}

/** A run whose election, guard and user are in the test's hand. */
function createRig(plan: RunPlan) {
  const did: string[] = [];
  const said: string[] = [];
  let onStop: ((signal: NodeJS.Signals) => void) | undefined;
  let end: (how: CommandEnd) => void = () => {};
  const stops: Stops = {
    listen(listener) {
      onStop = listener;
      return () => {};
    },
  };
  const createGuard = (): Guard => {
    did.push("guard");
    return {
      ready: Promise.resolve(true),
      isGone: false,
      start: ({ command, env }) => {
        const told = `term=${env["CONCLAVE_TERM"]} election=${env["CONCLAVE_ELECTION"]}`;
        did.push(`start ${command.join(" ")} ${told} candidate=${env["CONCLAVE_CANDIDATE"]}`);
        return new Promise((resolve) => {
          end = resolve;
        });
      },
      renew: ({ leftMs }) => did.push(`renew ${leftMs}`),
      stop: (signal) => did.push(`stop ${signal}`),
      kill: () => did.push("kill"),
      dismiss: () => did.push("dismiss"),
    };
  };
  const election = createScriptedElection();
  const exitCode = runWhileLeading(election.handle, plan, {
    say: (line) => said.push(line),
    stops,
    createGuard,
  });
  return {
    did,
    said,
    exitCode,
    settle,
    end: (how: CommandEnd) => end(how),
    stop: (signal: NodeJS.Signals) => onStop?.(signal),
    async lead(term: bigint) {
      await settle();
      const office = election.lead(term);
      await settle();
      return office;
    },
  };
}

/** An election whose office is given, and taken, by the test. Only what `run` uses is there. */
function createScriptedElection() {
  let work: (leadership: Leadership) => Promise<void> = () => Promise.resolve();
  let options: CampaignOptions = {};
  const serve: Election["serve"] = (given, campaign = {}) => {
    work = given;
    options = campaign;
    return new Promise((resolve) => {
      campaign.signal?.addEventListener("abort", () => resolve());
    });
  };
  return {
    handle: { name: "demo", serve } as unknown as Election,
    lead(term: bigint) {
      const controller = new AbortController();
      let remainingMs = 3000;
      let isGivenBack = false;
      const leadership = {
        fence: { election: "demo", term },
        signal: controller.signal,
        get remainingMs() {
          return remainingMs;
        },
      } as unknown as Leadership;
      void work(leadership).then(() => {
        isGivenBack = true;
      });
      return {
        isGivenBack: () => isGivenBack,
        lose: (code: "EVICTED" | "EXPIRED" | "SUPERSEDED") =>
          controller.abort(new ElectionError(code, "lost")),
        renewTo(ms: number) {
          remainingMs = ms;
          options.onDeadline?.(ms);
        },
        suspend(leaseMs: number) {
          remainingMs = 0;
          options.onDeadline?.(leaseMs);
        },
      };
    },
  };
}

/** Lets everything run that waits for nothing but earlier steps. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
