// SPDX-License-Identifier: Apache-2.0
/**
 * The options of a server, as data: what each is called on the command line, in the environment
 * and in the file, what it takes, and what it is when nobody says.
 */

export interface ServerFlag {
  /** On the command line behind `--`, and as it stands in the file. */
  readonly name: string;
  /** What the value is, for `--help`; absent for a switch. */
  readonly value?: string;
  /** May be given more than once; in the environment separated by commas, in the file a list. */
  readonly isList?: boolean;
  /** Never shown in a message. */
  readonly isSecret?: boolean;
  readonly help: string;
}

/** Of the older protocols; those that the last two speak have no word for a namespace. */
const namespaceFlags: readonly ServerFlag[] = [
  ...["s0", "s1", "s2"].map((dialect) => [dialect, `of ${dialect} clients that name none`]),
  ...["s3", "s4"].map((dialect) => [dialect, `of all that ${dialect} clients use`]),
].map(([dialect, whose]) => ({
  name: `dialects.${dialect}.namespace`,
  value: "NAME",
  help: `the namespace ${whose} (default "default")`,
}));

export const serverFlags: readonly ServerFlag[] = [
  { name: "node", value: "N", help: "this node's number in the cluster, from 1 (default 1)" },
  {
    name: "listen",
    value: "HOST:PORT",
    help: "where to serve; port 0 takes a free one (default: as --cluster has it, else 127.0.0.1:7400)",
  },
  {
    name: "cluster",
    value: "N=HOST:PORT,...",
    isList: true,
    help: "the members of the first start, this one among them; all are given the same list",
  },
  {
    name: "join",
    value: "URL,...",
    isList: true,
    help: "ask any of these members of a running cluster to be added to it",
  },
  {
    name: "advertise",
    value: "HOST:PORT",
    help: "where the others reach a node that joins (default: what --listen says)",
  },
  { name: "data-dir", value: "DIR", help: "where to keep data (default .conclave/node-N)" },
  {
    name: "partitions",
    value: "N",
    help: "Raft groups that share the elections; fixed at the first start (default 8)",
  },
  {
    name: "cluster-token",
    value: "TOKEN",
    isSecret: true,
    help: "tells this cluster from another with the same members; fixed at the first start",
  },
  { name: "tls-cert", value: "FILE", help: "serve TLS with this certificate chain (PEM)" },
  { name: "tls-key", value: "FILE", help: "the certificate's key (PEM)" },
  {
    name: "tls-ca",
    value: "FILE",
    help: "trust these authorities (PEM) for the other members, instead of the machine's",
  },
  { name: "insecure", help: "allow to listen beyond loopback without TLS" },
  {
    name: "log-level",
    value: "LEVEL",
    help: "trace, debug, info, warn, error, fatal or silent (default info); logs go to stderr",
  },
  {
    name: "cors-origin",
    value: "ORIGIN",
    isList: true,
    help: "let pages of this origin call, as https://ops.example.org; may be repeated",
  },
  { name: "no-console", help: "do not serve the console, a page for operators, at /" },
  {
    name: "dialects",
    value: "LIST",
    isList: true,
    help: "which older protocols to serve, as s0,s3, or none (default: s0,s1,s2,s3,s4)",
  },
  {
    name: "dialect-grace",
    value: "TIME",
    help: "how long candidates of s2 to s4 outlive their last connection (default 10s)",
  },
  ...namespaceFlags,
  {
    name: "dialects.s0.database",
    value: "NAME",
    help: "what s0 calls the one database that there is (default conclave)",
  },
  {
    name: "dialects.s3.cache",
    value: "true|false",
    help: "whether s3 tells its clients to cache what they read (default false)",
  },
  {
    name: "dialects.s4.kind",
    value: "election|latch",
    help: "election: s4 shares elections with the others (default latch)",
  },
];

/** The variable that gives a flag's value, for instance CONCLAVE_SERVER_DATA_DIR. */
export function variableOf(flag: ServerFlag): string {
  return `CONCLAVE_SERVER_${flag.name.toUpperCase().replaceAll(/[-.]/g, "_")}`;
}

/** As wide as most need; the few that are longer push their text to the right. */
const LEFT_WIDTH = 29;

/** What `conclave server --help` prints. */
export function helpText(): string {
  const rows = serverFlags.map(({ name, value, help }) => {
    const left = value === undefined ? `--${name}` : `--${name} ${value}`;
    return `  ${left.padEnd(LEFT_WIDTH)} ${help}`;
  });
  return `Usage: conclave server [options]

Runs one node of a cluster until SIGTERM or SIGINT, then stops gracefully.

Options:
${rows.join("\n")}
  ${"--help".padEnd(LEFT_WIDTH)} show this

Each may also come from the environment, as ${variableOf(serverFlags[0]!)} and so on, or from the JSON
file that CONCLAVE_CONFIG names, {"node": 1, ...}. A flag wins over the environment, and that over
the file.

Example:
  conclave server --node 1 --listen 127.0.0.1:7400 --data-dir .conclave/node-1
  conclave server --node 2 --cluster 1=127.0.0.1:7401,2=127.0.0.1:7402,3=127.0.0.1:7403
  conclave server --node 4 --listen 127.0.0.1:7404 --join http://127.0.0.1:7401
`;
}
