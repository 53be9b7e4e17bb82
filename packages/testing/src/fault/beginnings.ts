// SPDX-License-Identifier: Apache-2.0
/** How each kind of fault begins, and what is to be put right when it is over. */

import type { CrashFate } from "@conclave/raft/memory";
import type { ServerProcess } from "../world/server-process.ts";
import type { Fault, FaultKind } from "./fault.ts";
import type { Ongoing } from "./ongoing.ts";

type FaultOf<Kind extends FaultKind> = Extract<Fault, { readonly kind: Kind }>;

export const BEGINNINGS: {
  readonly [Kind in FaultKind]: (on: Ongoing, fault: FaultOf<Kind>) => void;
} = {
  kill: (on, { node, downMs }) => {
    on.takeDown(node, downMs, (server) => server.kill());
  },
  stop: (on, { node, downMs }) => {
    on.takeDown(node, downMs, (server) => void server.stop());
  },
  wipe: (on, { node, downMs }) => {
    on.takeDown(node, downMs, (server) => {
      server.kill();
      server.wipe();
    });
  },
  rot: (on, { node, downMs, pick }) => {
    on.takeDown(node, downMs, (server) => {
      server.kill();
      turnBit(server, pick);
    });
  },
  "power-cut": (on, fault) => {
    for (const node of fault.nodes) {
      on.takeDown(node, fault.downMs, (server) => server.powerCut(fateOf(on, fault, node)));
    }
  },
  "power-cut-at": (on, { node, downMs, operation, keptBytes, atMs }) => {
    on.takeDown(node, downMs, (server) => {
      const prng = on.world.prng.child(`power ${node} ${atMs}`);
      server.powerCutAt(operation, keptBytes, { kind: "random", prng });
    });
  },
  pause: (on, { host, forMs, order }) => {
    const process = on.process(host);
    process?.pause();
    on.last(forMs, () => process?.resume(order));
  },
  sleep: (on, { host, forMs }) => {
    const process = on.process(host);
    process?.suspend();
    on.last(forMs, () => process?.resume("timers-first"));
  },
  "kill-client": (on, { client, downMs }) => {
    on.client(client)?.kill();
    on.last(downMs, () => on.restartClient(client));
  },
  "close-client": (on, { client, downMs }) => {
    const process = on.client(client);
    if (process === undefined || process.isPaused) return;
    void process.connected
      .then((connected) => connected.close())
      .then(() => {
        const believed = on.world.beliefs().filter((belief) => belief.client === process.name);
        if (process.isAlive && believed.length > 0) {
          on.world.broken(
            process.name,
            new Error("C3: a client that was closed believes in office"),
          );
        }
        process.kill();
        on.last(downMs, () => on.restartClient(client));
      });
  },
  "wall-jump": (on, { host, byMs }) => {
    on.process(host)?.jumpWall(byMs);
  },
  split: (on, { sides, forMs }) => {
    const { network } = on.world;
    const groups = sides.map((side) => side.map((name) => on.host(name)));
    network.partition(groups);
    on.last(forMs, () => {
      for (const [from, to] of acrossOf(groups)) network.heal(from, to);
    });
  },
  isolate: (on, fault) => {
    const { network } = on.world;
    const self = on.host(fault.host);
    const nodes = on.world.servers.map((server) => server.host);
    const others = (fault.isWhole ? network.hosts : nodes).filter((other) => other !== self);
    const late = { ...on.path, minMs: fault.lateMs, maxMs: 1.2 * fault.lateMs };
    if (fault.lateMs > 0) for (const other of others) network.setPath(other, self, late);
    on.last(2 * fault.lateMs, () => {
      for (const other of others) {
        network.setPath(other, self, undefined);
        if (fault.isReset) network.reset(self, other);
        if (fault.lost !== "heard") network.cut(self, other);
        if (fault.lost !== "said") network.cut(other, self);
      }
      on.last(fault.forMs, () => {
        for (const other of others) {
          network.heal(self, other);
          network.heal(other, self);
        }
      });
    });
  },
  cut: (on, fault) => {
    const { network } = on.world;
    const [from, to] = [on.host(fault.from), on.host(fault.to)];
    network.cut(from, to);
    on.last(fault.forMs, () => network.heal(from, to));
  },
  slow: (on, { from: fromName, to: toName, delayMs, forMs }) => {
    const { network } = on.world;
    const [from, to] = [on.host(fromName), on.host(toName)];
    network.setPath(from, to, { ...on.path, minMs: delayMs, maxMs: 2 * delayMs });
    on.last(forMs, () => network.setPath(from, to, undefined));
  },
  reset: (on, { a, b }) => {
    on.world.network.reset(on.host(a), on.host(b));
  },
  "half-open": (on, { told, untold }) => {
    const [hears, doesNot] = [on.host(told), on.host(untold)];
    // A leader may turn out to be the other of the two: nothing lies between a host and itself.
    if (hears !== doesNot) on.world.network.sever(hears, doesNot);
  },
  lossy: (on, { lostPermille, doubledPermille, reorderedPermille, forMs }) => {
    const { network } = on.world;
    const unruly = { lostPermille, doubledPermille, reorderedPermille };
    network.profile = { ...on.path, lostPermille, unruly };
    on.last(forMs, () => {
      network.profile = on.path;
    });
  },
  "slow-disk": (on, { node, syncMs, forMs }) => {
    const server = on.world.server(node);
    server.slowDisk(syncMs);
    on.last(forMs, () => server.slowDisk(on.syncMs));
  },
  "full-disk": (on, { node, forMs }) => {
    const server = on.world.server(node);
    server.disk.resize(bytesOn(server));
    on.last(forMs, () => server.disk.resize(Number.POSITIVE_INFINITY));
  },
  "disk-error": (on, { node, operation }) => {
    on.world.server(node).disk.refuse(operation, "io", 1);
  },
  replace: (on, { node, downMs }) => {
    const others = on.world.servers.filter((server) => server.node !== node);
    const asked = others.find(({ state, isPaused }) => state === "running" && !isPaused);
    asked?.removeMember(node);
    on.takeDown(node, downMs, (server) => {
      server.kill();
      server.wipe();
      on.last(downMs, () => {
        if (server.state === "down") server.start({ join: others.map((other) => other.node) });
      });
    });
  },
  restore: (on, { afterMs }) => {
    const asked = on.world.servers.find(({ state, isPaused }) => state === "running" && !isPaused);
    let saved: Uint8Array | undefined;
    // A node that refuses, or dies of it, leaves nothing to begin with.
    void asked?.backup().then(
      (backup) => {
        saved = backup;
      },
      () => {},
    );
    on.last(afterMs, () => {
      if (saved !== undefined) on.restore(saved);
    });
  },
  transfer: (on, { partition, to }) => {
    on.leader(partition)?.transfer(partition, to);
  },
};

function fateOf(on: Ongoing, { fate, atMs }: FaultOf<"power-cut">, node: number): CrashFate {
  if (fate !== "random") return { kind: fate };
  return { kind: fate, prng: on.world.prng.child(`power ${node} ${atMs}`) };
}

function acrossOf(groups: readonly (readonly string[])[]): readonly (readonly [string, string])[] {
  return groups.flatMap((group, at) => {
    const others = groups.filter((_, i) => i !== at).flat();
    return group.flatMap((host) => others.map((other) => [host, other] as const));
  });
}

function bytesOn({ disk }: ServerProcess): number {
  let used = 0;
  for (const bytes of disk.files().values()) used += bytes;
  return used;
}

/** One bit of one file of its log. */
function turnBit({ disk }: ServerProcess, pick: number): void {
  const files = [...disk.files()].filter(([, bytes]) => bytes > 0);
  const [name, bytes] = files[pick % Math.max(1, files.length)] ?? ["", 0];
  if (bytes > 0) disk.flipBit(name, (pick >>> 3) % bytes, pick & 7);
}
