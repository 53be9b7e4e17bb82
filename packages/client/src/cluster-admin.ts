// SPDX-License-Identifier: Apache-2.0
/**
 * What operators ask of a cluster as a whole: who belongs to it, who leads what, and a backup.
 *
 * Apart from the SDK's elections: it holds no session and keeps nothing. It does not know by what
 * transport it speaks.
 */

import { create } from "@bufbuild/protobuf";
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { ErrorInfoSchema, type FrameError, FrameErrorSchema } from "@conclave/api";
import {
  ClusterService,
  PeerState,
  type SessionInfo as SessionInfoMessage,
  type StatusResponse,
} from "@conclave/api/cluster";
import { type Client, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { ElectionError } from "./error.ts";
import { errorFromFrame } from "./wire-errors.ts";

export interface ClusterAdmin {
  /**
   * What the first node that answers knows; also without a quorum.
   *
   * @param options.node what this node knows, which the first that answers asks for it
   * @throws ElectionError NOT_FOUND where it is no member, NO_QUORUM where it does not answer
   */
  status(options?: { readonly node?: number }): Promise<ClusterStatus>;
  /**
   * The sessions of a partition by their instances, in pages as they are read: no state of one moment.
   *
   * @param options.instance only the one that is shown so
   * @throws ElectionError NO_QUORUM where the partition has no leader
   */
  sessions(partition: number, options?: { readonly instance?: string }): AsyncIterable<SessionInfo>;
  /** Where there are elections, by name, as the first node that answers has them: it may be behind. */
  namespaces(): Promise<readonly NamespaceInfo[]>;
  /**
   * Makes room for a node, which joins when it is started with `--join`.
   *
   * @param address HOST:PORT, where the other members reach it
   * @returns whether it was on the list before
   */
  addMember(node: number, address: string): Promise<{ readonly already: boolean }>;
  /** Takes a node out; the partitions follow one after the other. */
  removeMember(node: number): Promise<void>;
  /**
   * Asks leaders to hand over to `toNode`.
   *
   * @param partition one of them; default all
   * @returns the partitions that it leads now
   */
  transferLeadership(toNode: number, partition?: number): Promise<readonly number[]>;
  /** The bytes of a backup. One whose iteration throws is none. */
  saveSnapshot(signal?: AbortSignal): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

export interface ClusterStatus {
  /** In hex. */
  readonly clusterId: string;
  /** Who answered: the rest is what it knows. */
  readonly node: number;
  readonly version: string;
  readonly members: readonly ClusterMember[];
  readonly partitions: readonly ClusterPartition[];
}

export interface ClusterMember {
  readonly node: number;
  /** 0 for the members of the first start; null: it was added and has not reported in. */
  readonly incarnation: number | null;
  readonly address: string;
  /** The node that answered hears it, or is it. */
  readonly isConnected: boolean;
  readonly isSelf: boolean;
  /** Of its software; empty if it is not connected. */
  readonly version: string;
}

export interface ClusterPartition {
  readonly partition: number;
  /** Null: the node that answered knows none. */
  readonly leader: number | null;
  readonly raftTerm: bigint;
  readonly commitIndex: bigint;
  readonly appliedIndex: bigint;
  readonly lastIndex: bigint;
  readonly revision: bigint;
  readonly voters: readonly number[];
  /** Not empty while a change of members is under way. */
  readonly outgoing: readonly number[];
  readonly learners: readonly number[];
  /** Empty unless the node that answered leads the partition. */
  readonly peers: readonly ClusterPeer[];
  /** It is not yet what the list of members says. */
  readonly hasOldConfiguration: boolean;
}

export interface ClusterPeer {
  readonly node: number;
  readonly incarnation: number;
  readonly isActive: boolean;
  /** Entries behind the leader. */
  readonly lag: bigint;
  readonly state: "probe" | "replicate" | "snapshot";
}

/** A session as the leader of a partition has it. */
export interface SessionInfo {
  /** As it is shown beside its candidates; its id is a secret. */
  readonly instance: string;
  readonly ttlMs: number;
  /** How long it lives on after its connection has ended; 0: that says nothing. */
  readonly graceMs: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Until it ends, unless it is renewed. */
  readonly remainingMs: number;
}

export interface NamespaceInfo {
  readonly namespace: string;
  /** All that exist in it, vacant ones too. */
  readonly elections: number;
}

export interface ClusterAdminOptions {
  /** One for each endpoint, in the order in which they are tried. */
  readonly transports: readonly Transport[];
  /** How long one node has to answer. */
  readonly timeoutMs: number;
  readonly token?: (() => Promise<string>) | undefined;
  readonly close: () => void;
}

export function createClusterAdmin(options: ClusterAdminOptions): ClusterAdmin {
  const clients = options.transports.map((transport) => createClient(ClusterService, transport));
  const { timeoutMs } = options;
  const headers = async (): Promise<HeadersInit> =>
    options.token === undefined ? {} : { authorization: `Bearer ${await options.token()}` };
  /** Asks the first node that answers, and the next one where it is sure that nothing was done. */
  const ask: Ask = async <T>(question: Question<T>): Promise<T> => {
    let failure: ElectionError | undefined;
    for (const client of clients) {
      let isReached = false;
      try {
        const status = await client.status({}, { timeoutMs, headers: await headers() });
        isReached = true;
        const call = { timeoutMs: CHANGE_TIMEOUT_MS, headers: await headers() };
        return await question(client, call, status);
      } catch (thrown) {
        failure = errorOf(thrown);
        const isUndone = !isReached || (failure.retryable && failure.outcome === "not-applied");
        if (!isUndone) throw failure;
      }
    }
    throw failure ?? new ElectionError("INVALID", "there is no endpoint to ask");
  };
  return {
    ...readsOf(ask),
    async addMember(node, address) {
      const { already } = await ask((client, call) => client.addMember({ node, address }, call));
      return { already };
    },
    async removeMember(node) {
      await ask((client, call) => client.removeMember({ node }, call));
    },
    async transferLeadership(toNode, partition = 0) {
      const request = { toNode, partition };
      return (await ask((client, call) => client.transferLeadership(request, call))).partitions;
    },
    async *saveSnapshot(signal) {
      const client = await ask((reached) => Promise.resolve(reached));
      const call = { headers: await headers(), ...(signal === undefined ? {} : { signal }) };
      try {
        for await (const { chunk } of client.saveSnapshot({}, call)) yield chunk;
      } catch (thrown) {
        throw errorOf(thrown);
      }
    },
    close() {
      options.close();
      return Promise.resolve();
    },
  };
}

/** What leaves everything as it is. */
function readsOf(ask: Ask): Pick<ClusterAdmin, "status" | "sessions" | "namespaces"> {
  return {
    async status({ node } = {}) {
      const answer = await ask((client, call, first) =>
        node === undefined || node === first.node
          ? Promise.resolve(first)
          : client.status({ node }, call),
      );
      return statusOf(answer);
    },
    async *sessions(partition, { instance = "" } = {}) {
      const request = { partition, instance, pageSize: PAGE_SIZE };
      const answers = pages((pageToken) =>
        ask((client, call) => client.listSessions({ ...request, pageToken }, call)),
      );
      for await (const { sessions } of answers) yield* sessions.map(sessionOf);
    },
    async namespaces() {
      const answers = pages((pageToken) =>
        ask((client, call) => client.listNamespaces({ pageSize: PAGE_SIZE, pageToken }, call)),
      );
      const found: NamespaceInfo[] = [];
      for await (const { namespaces } of answers) {
        for (const { namespace, elections } of namespaces) {
          found.push({ namespace, elections: Number(elections) });
        }
      }
      return found;
    },
  };
}

async function* pages<Page extends { readonly nextPageToken: string }>(
  read: (pageToken: string) => Promise<Page>,
): AsyncGenerator<Page> {
  let token = "";
  do {
    const page = await read(token);
    yield page;
    token = page.nextPageToken;
  } while (token !== "");
}

type Ask = <T>(question: Question<T>) => Promise<T>;

type Question<T> = (
  client: Client<typeof ClusterService>,
  call: CallOptions,
  status: StatusResponse,
) => Promise<T>;

interface CallOptions {
  readonly timeoutMs: number;
  readonly headers: HeadersInit;
}

/** Longer than the 5 s after which a server gives up itself and says what became of it. */
const CHANGE_TIMEOUT_MS = 7_000;
/** The most that a page of a list may hold. */
const PAGE_SIZE = 1_000;

function errorOf(thrown: unknown): ElectionError {
  if (thrown instanceof ElectionError) return thrown;
  if (!(thrown instanceof ConnectError)) return ElectionError.from(thrown);
  const [info] = thrown.findDetails(ErrorInfoSchema);
  const code = Code[thrown.code].replace(/(?<=[a-z])[A-Z]/g, "_$&").toLowerCase();
  const frame: FrameError = create(FrameErrorSchema, { code, message: thrown.rawMessage });
  if (info !== undefined) frame.info = info;
  return errorFromFrame(frame);
}

function sessionOf(message: SessionInfoMessage): SessionInfo {
  const { instance, ttl, disconnectGrace, labels, remaining } = message;
  return {
    instance,
    ttlMs: millisecondsOf(ttl),
    graceMs: millisecondsOf(disconnectGrace),
    labels: { ...labels },
    remainingMs: millisecondsOf(remaining),
  };
}

function millisecondsOf(duration: Duration | undefined): number {
  return duration === undefined ? 0 : durationMs(duration);
}

const PEER_STATES: Readonly<Record<PeerState, ClusterPeer["state"]>> = {
  [PeerState.UNSPECIFIED]: "probe",
  [PeerState.PROBE]: "probe",
  [PeerState.REPLICATE]: "replicate",
  [PeerState.SNAPSHOT]: "snapshot",
};

function statusOf(response: StatusResponse): ClusterStatus {
  const { clusterId, node, version } = response;
  return {
    clusterId: [...clusterId].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
    node,
    version,
    members: response.members.map((member) => ({
      node: member.node,
      incarnation: member.incarnation ?? null,
      address: member.address,
      isConnected: member.isConnected,
      isSelf: member.isSelf,
      version: member.version,
    })),
    partitions: response.partitions.map((partition) => ({
      partition: partition.partition,
      leader: partition.leader === 0 ? null : partition.leader,
      raftTerm: partition.raftTerm,
      commitIndex: partition.commitIndex,
      appliedIndex: partition.appliedIndex,
      lastIndex: partition.lastIndex,
      revision: partition.revision,
      voters: partition.voters,
      outgoing: partition.outgoing,
      learners: partition.learners,
      peers: partition.peers.map((peer) => ({
        node: peer.node,
        incarnation: peer.incarnation,
        isActive: peer.isActive,
        lag: peer.lag,
        state: PEER_STATES[peer.state] ?? "probe",
      })),
      hasOldConfiguration: partition.hasOldConfiguration,
    })),
  };
}
