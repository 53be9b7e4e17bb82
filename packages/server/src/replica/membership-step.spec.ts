// SPDX-License-Identifier: Apache-2.0
/** The steps from a configuration to the list of members, as a table; and that they always arrive. */
import { nodeOf, replicaIdOf } from "@conclave/raft";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LogStatus } from "./membership-log.ts";
import { CAUGHT_UP_LAG, isSettled, type MembershipStep, nextStep } from "./membership-step.ts";

/** `"2"` is node 2 of the first start, `"2+7"` its incarnation 7. */
const id = (text: string): number => {
  const [node, incarnation] = text.split("+");
  return replicaIdOf(Number(node), Number(incarnation ?? 0));
};
const ids = (text: string): number[] => text.split(" ").filter(Boolean).map(id);
const list = (text: string) =>
  text
    .split(" ")
    .filter(Boolean)
    .map((one) => {
      const [node, incarnation] = one.split("+");
      return { node: Number(node), incarnation: Number(incarnation ?? 0), address: `${node}:1` };
    });

interface Scene {
  readonly voters: string;
  readonly learners?: string;
  readonly outgoing?: string;
  /** The silent ones. */
  readonly down?: string;
  /** Those that are further behind than a voter may be. */
  readonly behind?: string;
}

/** The group as node 1 sees it, which leads. */
function statusOf({ voters, learners = "", outgoing = "", down = "", behind = "" }: Scene) {
  const configuration = { voters: ids(voters), learners: ids(learners), outgoing: ids(outgoing) };
  const others = new Set([...configuration.voters, ...configuration.learners]);
  others.delete(id("1"));
  const status: LogStatus = {
    raftTerm: 3,
    commitIndex: 5_000,
    appliedIndex: 5_000,
    lastIndex: 5_000,
    configuration,
    peers: [...others].map((replica) => ({
      replica,
      matchIndex: ids(behind).includes(replica) ? 5_000 - CAUGHT_UP_LAG - 1 : 5_000,
      isActive: !ids(down).includes(replica),
      isLearner: configuration.learners.includes(replica),
      state: "replicate",
    })),
  };
  return status;
}

const to = (voters: string, learners = "") => ({
  kind: "change",
  voters: ids(voters),
  learners: ids(learners),
});

describe("the next step of a group that node 1 leads", () => {
  test.each<[string, Scene, string, unknown]>([
    ["nothing, where all is as listed", { voters: "1 2 3" }, "1 2 3", undefined],
    ["nothing, before there is a list", { voters: "1 2 3" }, "", undefined],
    ["a missing member learns first", { voters: "1 2 3" }, "1 2 3 4", to("1 2 3", "4")],
    [
      "a member that comes back under another incarnation learns first",
      { voters: "1 2 3", down: "2" },
      "1 2+7 3",
      to("1 2 3", "2+7"),
    ],
    [
      "a learner that is behind gets no vote",
      { voters: "1 2 3", learners: "4", behind: "4" },
      "1 2 3 4",
      undefined,
    ],
    [
      "a learner that is silent gets no vote",
      { voters: "1 2 3", learners: "4", down: "4" },
      "1 2 3 4",
      undefined,
    ],
    [
      "a learner that has caught up gets its vote",
      { voters: "1 2 3", learners: "4" },
      "1 2 3 4",
      to("1 2 3 4"),
    ],
    [
      "and takes the place of its earlier incarnation in one change",
      { voters: "1 2 3", learners: "2+7", down: "2" },
      "1 2+7 3",
      to("1 3 2+7"),
    ],
    ["one at a time", { voters: "1 2 3", learners: "4 5" }, "1 2 3 4 5", to("1 2 3 4", "5")],
    [
      "nothing while a change is under way",
      { voters: "1 2 3 4", outgoing: "1 2 3" },
      "1 2 3",
      undefined,
    ],
    ["who is listed no more loses its vote", { voters: "1 2 3" }, "1 2", to("1 2")],
    ["the silent one first", { voters: "1 2 3 4", down: "4" }, "1 2", to("1 2 3")],
    [
      "a learner that is listed no more goes",
      { voters: "1 2 3", learners: "4", behind: "4" },
      "1 2 3",
      to("1 2 3"),
    ],
    [
      "no removal that would leave no majority",
      { voters: "1 2 3 4 5", down: "3 4" },
      "1 3 4 5",
      undefined,
    ],
    [
      "an incarnation that is replaced keeps its vote until the new one is there",
      { voters: "1 2 3", learners: "2+7", behind: "2+7", down: "2" },
      "1 2+7 3",
      undefined,
    ],
    [
      "a leader that is to leave hands over",
      { voters: "1 2 3", down: "2" },
      "2 3",
      { kind: "transfer", toNode: 3 },
    ],
    ["and stays while nobody can take over", { voters: "1 2 3", down: "2 3" }, "2 3", undefined],
    [
      "a new voter comes before an old one goes",
      { voters: "1 2 3", learners: "4" },
      "1 2 4",
      to("1 2 3 4"),
    ],
    ["a group of one grows", { voters: "1", learners: "2" }, "1 2", to("1 2")],
  ])("%s", (_, scene, members, expected) => {
    expect(nextStep(statusOf(scene), id("1"), list(members))).toEqual(expected);
  });
});

test("from anywhere to anywhere the steps arrive, and at no point is the majority lost", () => {
  const node = fc.integer({ min: 1, max: 5 });
  const members = fc.uniqueArray(fc.tuple(node, fc.integer({ min: 0, max: 1 })), {
    minLength: 1,
    maxLength: 5,
    selector: ([number]) => number,
  });
  fc.assert(
    fc.property(members, members, fc.nat(), (from, wanted, pick) => {
      const target = wanted.map(([number, incarnation]) => ({
        node: number,
        incarnation,
        address: `${number}:1`,
      }));
      const replicas = from.map(([number, incarnation]) => replicaIdOf(number, incarnation));
      let leader = replicas[pick % replicas.length]!;
      let configuration = { voters: replicas, learners: [] as number[], outgoing: [] as number[] };
      // Of a node only the listed incarnation is alive, so a node that is replaced is silent.
      const isAlive = (replica: number): boolean => {
        const listed = target.find((member) => member.node === nodeOf(replica));
        return listed === undefined || replicaIdOf(listed.node, listed.incarnation) === replica;
      };
      const alive = (all: readonly number[]): number => all.filter((r) => isAlive(r)).length;
      fc.pre(isAlive(leader) && alive(replicas) > replicas.length / 2);
      for (let steps = 0; !isSettled(configuration, target); steps++) {
        expect(steps).toBeLessThan(30);
        const others = [...configuration.voters, ...configuration.learners];
        const status: LogStatus = {
          ...{ raftTerm: 1, commitIndex: 9, appliedIndex: 9, lastIndex: 9, configuration },
          peers: others
            .filter((replica) => replica !== leader)
            .map((replica) => ({
              replica,
              matchIndex: 9,
              isActive: isAlive(replica),
              isLearner: configuration.learners.includes(replica),
              state: "replicate",
            })),
        };
        const step: MembershipStep | undefined = nextStep(status, leader, target);
        if (step === undefined) {
          // Only where whoever should go on is alone with replicas that are dead.
          throw new Error(`stuck at ${JSON.stringify(configuration)}`);
        }
        if (step.kind === "transfer") {
          leader = configuration.voters.find((voter) => nodeOf(voter) === step.toNode)!;
          continue;
        }
        expect(alive(step.voters)).toBeGreaterThan(step.voters.length / 2);
        configuration = { voters: [...step.voters], learners: [...step.learners], outgoing: [] };
      }
    }),
    { numRuns: 3_000, seed: 1 },
  );
});
