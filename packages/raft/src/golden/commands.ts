// SPDX-License-Identifier: Apache-2.0
/** The words of a golden script. packages/raft/testdata/README.md tells them for whoever writes one. */

import type { CoreConfig } from "../core/config.ts";
import type { ReplicaId } from "../ids.ts";
import { NO_CONFIGURATION } from "../log/configuration.ts";
import type { LogEntry } from "../log/entry.ts";
import { appliedText, logText, progressText, statusText } from "./trace.ts";
import { World } from "./world.ts";

export class Commands {
  #world: World | undefined;
  /** Proposals, reads and changes are numbered in the order of the script. */
  #number = 0;

  /** Carries one block out and returns its trace. */
  run(commands: readonly string[]): readonly string[] {
    try {
      for (const command of commands) this.#runOne(command);
    } catch (error) {
      const trace = this.#world?.takeTrace() ?? [];
      return [...trace, `BROKEN ${error instanceof Error ? error.message : String(error)}`];
    }
    const trace = this.#world?.takeTrace() ?? [];
    return trace.length > 0 ? trace : ["ok"];
  }

  #runOne(command: string): void {
    const [word = "", ...rest] = command.split(/\s+/);
    if (word === "quietly") {
      const before = this.#theWorld.takeTrace();
      this.#runOne(rest.join(" "));
      this.#theWorld.takeTrace();
      for (const line of before) this.#theWorld.say(line);
      return;
    }
    const options = new Map<string, string>();
    const words: string[] = [];
    for (const part of rest) {
      const [name = "", value] = part.split("=");
      if (value === undefined) words.push(part);
      else options.set(name, value);
    }
    const verb = VERBS[word];
    if (verb === undefined) throw new Error(`unknown command: ${command}`);
    if (word === "cluster") this.#world = clusterOf(words, options);
    else verb(this.#theWorld, words, options, () => this.#nextNumber());
  }

  get #theWorld(): World {
    if (this.#world === undefined) throw new Error("a script begins with cluster");
    return this.#world;
  }

  #nextNumber(): number {
    this.#number += 1;
    return this.#number;
  }
}

type Options = ReadonlyMap<string, string>;
type Verb = (
  world: World,
  words: readonly string[],
  options: Options,
  nextNumber: () => number,
) => void;

const VERBS: Readonly<Record<string, Verb>> = {
  cluster: () => {},
  add: (world, words) => {
    for (const replica of numbers(words)) {
      world.add(replica, NO_CONFIGURATION).start();
    }
  },
  disk: (world, [who], options) => {
    const raftTerms = list(options.get("log"));
    const raftTerm = Number(options.get("raftTerm") ?? raftTerms.at(-1) ?? 0);
    const vote = options.get("vote");
    const votedFor = vote === undefined ? undefined : Number(vote);
    world.member(Number(who)).format({ raftTerm, votedFor }, raftTerms.map(entryOf));
  },
  start: (world, words) => {
    for (const member of membersOf(world, words)) {
      world.during(`${member.replica} starts`, () => member.start());
    }
  },
  crash: (world, words, options) => {
    for (const member of membersOf(world, words)) {
      member.crash(Number(options.get("written") ?? 0));
      member.holdsWrites = false;
    }
  },
  wipe: (world, words) => {
    for (const replica of numbers(words)) world.wipe(replica);
  },
  tick: (world, [who = "all", count = "1"]) => {
    for (let i = 0; i < Number(count); i++) tick(world, who);
  },
  propose: (world, [who, ...texts], _, nextNumber) => {
    const proposals = texts.map((text) => ({
      proposal: nextNumber(),
      bytes: new TextEncoder().encode(text),
    }));
    world.step(Number(who), `${who} is asked to append`, { kind: "propose", proposals });
  },
  read: (world, [who, count = "1"], _, nextNumber) => {
    const reads = Array.from({ length: Number(count) }, nextNumber);
    world.step(Number(who), `${who} is asked to read`, { kind: "confirm", reads });
  },
  change: (world, [who], options, nextNumber) => {
    const voters = list(options.get("voters"));
    const learners = list(options.get("learners"));
    const event = { kind: "change-configuration", change: nextNumber(), voters, learners } as const;
    world.step(Number(who), `${who} is asked to change`, event);
  },
  transfer: (world, [who, to]) => {
    const event = { kind: "transfer", to: Number(to) } as const;
    world.step(Number(who), `${who} is asked to hand over`, event);
  },
  unreachable: (world, [who, other]) => {
    const event = { kind: "unreachable", replica: Number(other) } as const;
    world.step(Number(who), `${who} cannot reach ${other}`, event);
  },
  snapshot: (world, [who]) => {
    const member = world.member(Number(who));
    world.during(`${who} takes a snapshot`, () => member.takeSnapshot());
  },
  hold: (world, words) => {
    for (const member of membersOf(world, words)) member.holdsWrites = true;
  },
  persist: (world, [who, count]) => {
    const member = world.member(Number(who));
    if (count === undefined) member.holdsWrites = false;
    world.during(`${who} has written`, () =>
      member.persist(count === undefined ? count : Number(count)),
    );
  },
  deliver: (world, [route = "all", count]) => {
    world.deliver(routeOf(route), count === undefined ? undefined : Number(count));
  },
  drop: (world, [route = "all", count]) => {
    const dropped = world.drop(routeOf(route), count === undefined ? undefined : Number(count));
    world.say(`${dropped} lost`);
  },
  duplicate: (world, [route = "all"]) => world.duplicate(routeOf(route)),
  stabilize: (world) => world.stabilize(),
  /** So many beats for all, with everything delivered after each. */
  run: (world, [count = "1"]) => {
    for (let i = 0; i < Number(count); i++) {
      tick(world, "all");
      world.stabilize();
    }
  },
  cut: (world, routes) => {
    for (const route of routes) {
      const [from, to] = route.split("->").map(Number);
      world.cut(from!, to!);
    }
  },
  isolate: (world, words) => {
    for (const one of numbers(words)) {
      for (const other of world.members.keys()) {
        world.cut(one, other);
        world.cut(other, one);
      }
    }
  },
  join: (world) => world.join(),
  status: (world, words) => {
    for (const member of membersOf(world, words)) world.say(statusText(member));
  },
  log: (world, words) => {
    for (const member of membersOf(world, words)) if (member.isUp) world.say(logText(member));
  },
  progress: (world, words) => {
    for (const member of membersOf(world, words)) progressText(member).forEach(world.say, world);
  },
  applied: (world, words) => {
    for (const member of membersOf(world, words)) {
      world.say(`${member.replica}: ${member.applied.map(appliedText).join(", ") || "nothing"}`);
    }
  },
};

function clusterOf(words: readonly string[], options: Options): World {
  const voters = numbers(words.filter((word) => word !== "down"));
  const learners = list(options.get("learners"));
  const world = new World(configOf(options));
  for (const replica of [...voters, ...learners]) {
    world.add(replica, { voters, outgoing: [], learners });
  }
  if (!words.includes("down")) for (const member of world.members.values()) member.start();
  return world;
}

/** An election timeout is 10 ticks, without chance, unless the script says otherwise. */
function configOf(options: Options): Omit<CoreConfig, "replica"> {
  const of = (name: string, standard: number): number => Number(options.get(name) ?? standard);
  const [min = 10, max = min] = (options.get("election") ?? "10").split("..").map(Number);
  return {
    electionTicks: { min, max },
    heartbeatTicks: of("heartbeat", 2),
    uncommittedBytesMax: of("uncommitted-bytes", 1_000),
    uncommittedEntriesMax: of("uncommitted-entries", 100),
    flow: {
      append: { bytes: of("append-bytes", 1_000), entries: of("append-entries", 100) },
      inflightBytesMax: of("inflight-bytes", 10_000),
      inflightMessagesMax: of("inflight-messages", 8),
      snapshotChunkBytes: of("chunk", 1_000),
      snapshotInflightBytes: of("chunks-inflight", 4) * of("chunk", 1_000),
      tail: { bytes: 1_000, entries: of("tail", 0) },
    },
  };
}

function tick(world: World, who: string): void {
  const replicas = who === "all" ? [...world.members.keys()] : [Number(who)];
  for (const replica of replicas) world.step(replica, `${replica} ticks`, { kind: "tick" });
}

function membersOf(world: World, words: readonly string[]): ReturnType<World["member"]>[] {
  const replicas = words.length === 0 ? [...world.members.keys()] : numbers(words);
  return replicas.map((replica) => world.member(replica));
}

/** `1->2`, with a star for anybody on either side, or `all`. */
function routeOf(route: string): (letter: { from: ReplicaId; to: ReplicaId }) => boolean {
  if (route === "all") return () => true;
  const [from, to] = route.split("->");
  return (letter) => {
    const isFrom = from === "*" || Number(from) === letter.from;
    return isFrom && (to === "*" || Number(to) === letter.to);
  };
}

function entryOf(raftTerm: number, i: number): LogEntry {
  const bytes = new TextEncoder().encode(`e${i + 1}`);
  return { index: i + 1, raftTerm, type: "proposal", bytes };
}

const numbers = (words: readonly string[]): number[] => words.map(Number);

function list(text: string | undefined): number[] {
  return text === undefined || text === "" ? [] : text.split(",").map(Number);
}
