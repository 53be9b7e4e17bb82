// SPDX-License-Identifier: Apache-2.0
/** etcd's Election, Lease and KV API through gRPC's own client, one connection to each member. */

import { fileURLToPath } from "node:url";
import { Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import { loadSync, type MethodDefinition, type ServiceDefinition } from "@grpc/proto-loader";

/** Proof of office, as etcd gives it and wants it back. */
type LeaderKey = { readonly [field: string]: unknown };

export interface EtcdLease {
  readonly id: string;
  /** Stops renewing it, as a crash does. */
  drop(): void;
}

/** Each call goes through the connection to `member`, counted modulo their number. */
export interface EtcdClient {
  /** Is renewed every third of its TTL, until it is dropped or the client is closed. */
  openLease(member: number, ttlSeconds: number): Promise<EtcdLease>;
  /** Resolves when the candidate leads. */
  campaign(member: number, name: string, lease: EtcdLease): Promise<LeaderKey>;
  proclaim(member: number, key: LeaderKey, value: string): Promise<void>;
  resign(member: number, key: LeaderKey): Promise<void>;
  /** A linearizable read of who leads; throws where nobody does. */
  leader(member: number, name: string): Promise<void>;
  /** A read of the same range that the member answers by itself. */
  staleRead(member: number, name: string): Promise<void>;
  /** Calls back with each leader, on a stream of its own. Returns what ends it. */
  observe(member: number, name: string, onLeader: () => void): () => void;
  status(member: number): Promise<{ readonly member: string; readonly leader: string }>;
  close(): void;
}

const PROTOS = fileURLToPath(new URL("../../etcd", import.meta.url));
const API = loadSync(["etcd.proto", "election.proto"], {
  includeDirs: [PROTOS],
  keepCase: true,
  longs: String,
});

export function connectEtcd(addresses: readonly string[]): EtcdClient {
  const clients = addresses.map((address) => new Client(address, credentials.createInsecure()));
  const at = (member: number): Client => {
    const client = clients[member % clients.length];
    if (client === undefined) throw new Error("etcd has no members");
    return client;
  };
  const ask = (member: number, method: Method, request: object) =>
    unary(at(member), method, request);
  const leases = new Set<EtcdLease>();
  return {
    async openLease(member, ttlSeconds) {
      const { ID } = await ask(member, METHODS.grant, { TTL: ttlSeconds });
      const lease = renewed(at(member), String(ID), ttlSeconds);
      leases.add(lease);
      return lease;
    },
    async campaign(member, name, lease) {
      const request = { name: bytes(name), lease: lease.id, value: bytes("candidate") };
      return (await ask(member, METHODS.campaign, request))["leader"] as LeaderKey;
    },
    async proclaim(member, leader, value) {
      await ask(member, METHODS.proclaim, { leader, value: bytes(value) });
    },
    async resign(member, leader) {
      await ask(member, METHODS.resign, { leader });
    },
    async leader(member, name) {
      await ask(member, METHODS.leader, { name: bytes(name) });
    },
    async staleRead(member, name) {
      // etcd's candidates stand under `name/`; "0" is the character after the slash.
      const range = { key: bytes(`${name}/`), range_end: bytes(`${name}0`), limit: 1 };
      const { kvs } = await ask(member, METHODS.range, { ...range, serializable: true });
      if ((kvs as readonly unknown[]).length === 0) throw new Error(`nobody leads ${name}`);
    },
    observe(member, name, onLeader) {
      const { path, requestSerialize, responseDeserialize } = METHODS.observe;
      const request = { name: bytes(name) };
      const stream = at(member).makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
      );
      stream.on("data", onLeader);
      stream.on("error", () => {});
      return () => stream.cancel();
    },
    async status(member) {
      const { header, leader } = await ask(member, METHODS.status, {});
      return { member: (header as { member_id: string }).member_id, leader: String(leader) };
    },
    close() {
      for (const lease of leases) lease.drop();
      for (const client of clients) client.close();
    },
  };
}

type Fields = Record<string, unknown>;
type Method = MethodDefinition<object, Fields>;

const METHODS = {
  grant: method("etcdserverpb.Lease", "LeaseGrant"),
  keepAlive: method("etcdserverpb.Lease", "LeaseKeepAlive"),
  range: method("etcdserverpb.KV", "Range"),
  status: method("etcdserverpb.Maintenance", "Status"),
  campaign: method("v3electionpb.Election", "Campaign"),
  proclaim: method("v3electionpb.Election", "Proclaim"),
  resign: method("v3electionpb.Election", "Resign"),
  leader: method("v3electionpb.Election", "Leader"),
  observe: method("v3electionpb.Election", "Observe"),
};

function method(service: string, name: string): Method {
  const found = (API[service] as ServiceDefinition)[name];
  if (found === undefined) throw new Error(`${service} has no ${name}`);
  return found as Method;
}

function unary(client: Client, method: Method, request: object): Promise<Fields> {
  const { path, requestSerialize, responseDeserialize } = method;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      (error, answer) => {
        if (error !== null) reject(error);
        else if (answer === undefined) reject(new Error(`${path}: no answer`));
        else resolve(answer);
      },
    );
  });
}

function renewed(client: Client, id: string, ttlSeconds: number): EtcdLease {
  const { path, requestSerialize, responseDeserialize } = METHODS.keepAlive;
  const stream: ClientDuplexStream<object, Fields> = client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
  );
  stream.on("data", () => {});
  stream.on("error", () => {});
  const timer = setInterval(() => stream.write({ ID: id }), (ttlSeconds * 1000) / 3);
  return {
    id,
    drop() {
      clearInterval(timer);
      stream.cancel();
    },
  };
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text);
}
