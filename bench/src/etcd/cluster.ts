// SPDX-License-Identifier: Apache-2.0
/** etcd as its package installs it, at its default timeouts, on the same machine and disk. */

import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts, type RunningProcess, startProcess, until } from "../processes.ts";
import { connectEtcd, type EtcdClient } from "./client.ts";

export interface EtcdCluster extends AsyncDisposable {
  /** For instance `etcd 3.4.23`. */
  readonly name: string;
  readonly client: EtcdClient;
  readonly pids: () => readonly number[];
  /** The position of the member that leads. */
  leader(): Promise<number>;
  kill(member: number): Promise<void>;
  restart(member: number): Promise<void>;
}

/** Undefined where etcd is not installed. */
export async function startEtcd(members: number): Promise<EtcdCluster | undefined> {
  const version = etcdVersion();
  return version === undefined ? undefined : startMembers(version, members);
}

function etcdVersion(): string | undefined {
  const { stdout } = spawnSync("etcd", ["--version"], { encoding: "utf8" });
  return /etcd Version: (\S+)/.exec(stdout ?? "")?.[1];
}

async function startMembers(version: string, members: number): Promise<EtcdCluster> {
  const folder = await mkdtemp(join(tmpdir(), "conclave-bench-etcd-"));
  const ports = await freePorts(2 * members);
  const clientAddress = (member: number): string => `127.0.0.1:${ports[2 * member]}`;
  const peerUrl = (member: number): string => `http://127.0.0.1:${ports[2 * member + 1]}`;
  const positions = Array.from({ length: members }, (_, i) => i);
  const initial = positions.map((i) => `m${i}=${peerUrl(i)}`).join(",");
  const start = (member: number): RunningProcess => {
    const url = `http://${clientAddress(member)}`;
    return startProcess("etcd", [
      ...["--name", `m${member}`, "--data-dir", join(folder, `m${member}`)],
      ...["--listen-client-urls", url, "--advertise-client-urls", url],
      ...["--listen-peer-urls", peerUrl(member)],
      ...["--initial-advertise-peer-urls", peerUrl(member), "--initial-cluster", initial],
      ...["--logger", "zap", "--log-outputs", "stdout", "--log-level", "error"],
    ]);
  };
  const running = positions.map(start);
  const client = connectEtcd(positions.map(clientAddress));
  const allReady = () =>
    until("etcd has a leader", async () => {
      const asked = await Promise.allSettled(positions.map((i) => client.status(i)));
      return asked.every((one) => one.status === "fulfilled" && one.value.leader !== "0");
    });
  await allReady();
  return {
    name: `etcd ${version}`,
    client,
    pids: () => running.map(({ pid }) => pid),
    async leader() {
      const statuses = await Promise.all(positions.map((i) => client.status(i)));
      return statuses.findIndex(({ member, leader }) => member === leader);
    },
    kill: async (member) => running[member]?.end("SIGKILL"),
    async restart(member) {
      running[member] = start(member);
      await allReady();
    },
    async [Symbol.asyncDispose]() {
      client.close();
      await Promise.all(running.map((member) => member.end()));
      await rm(folder, { recursive: true });
    },
  };
}
