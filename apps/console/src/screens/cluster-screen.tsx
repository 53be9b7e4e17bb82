// SPDX-License-Identifier: Apache-2.0
/** The cluster: its nodes, who leads what, who lags, and how many failures are left. */

import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import "../styles/details.css";
import "../styles/cluster.css";
import { LineChart } from "../cluster/line-chart.tsx";
import { MembersTable } from "../cluster/members-table.tsx";
import { PartitionsTable } from "../cluster/partitions-table.tsx";
import {
  type ClusterPicture,
  type MarginTone,
  marginText,
  type PartitionRow,
  partitionRows,
  versionText,
} from "../cluster/picture.ts";
import { addSample, type Sample } from "../cluster/samples.ts";
import { takePicture } from "../cluster/take-picture.ts";
import { TransferDialog } from "../cluster/transfer-dialog.tsx";
import type { App } from "../model/app.ts";
import { clockText } from "../model/durations.ts";
import type { Route } from "../model/route.ts";
import { ErrorState, LoadingState } from "../ui/empty-state.tsx";
import { Icon, type IconName } from "../ui/icon.tsx";
import { usePoll } from "../ui/use-poll.ts";

const EVERY_MS = 2_000;

interface Transfer {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

export function ClusterScreen(props: { readonly app: App; readonly route: Route }): VNode {
  const { app } = props;
  const { value, failure, atMs, retry } = usePoll("cluster", EVERY_MS, () =>
    takePicture(app.cluster, Date.now),
  );
  const samples = useSamples(value);
  return (
    <div class="screen screen-cluster">
      <div class="screen-head">
        <h1>Cluster</h1>
      </div>
      {value === undefined && failure !== undefined && (
        <ErrorState title="No node answers" message={failure} onRetry={retry} />
      )}
      {value === undefined && failure === undefined && <LoadingState label="Asking every node …" />}
      {value !== undefined && failure !== undefined && (
        <p class="stale-note" role="status">
          <Icon name="stale" />
          As of {clockText(atMs ?? value.atMs)}: {failure}.
        </p>
      )}
      {value !== undefined && <ClusterBody app={app} picture={value} samples={samples} />}
    </div>
  );
}

function ClusterBody(props: {
  readonly app: App;
  readonly picture: ClusterPicture;
  readonly samples: readonly Sample[];
}): VNode {
  const { app, picture, samples } = props;
  const [transfer, setTransfer] = useState<Transfer>();
  const rows = partitionRows(picture);
  const ask = (partition: number, to: number): void => {
    const from = rows.find((row) => row.partition === partition)?.leader ?? null;
    if (from !== null) setTransfer({ partition, from, to });
  };
  return (
    <>
      <Margin rows={rows} />
      <section class="card" aria-labelledby="members-title">
        <h2 id="members-title">Members</h2>
        <p class="muted">{versionText(picture)}</p>
        <MembersTable picture={picture} rows={rows} />
        <p class="muted">
          Cluster <span class="code">{picture.base.clusterId}</span>, as node {picture.base.node}{" "}
          sees it.
        </p>
      </section>
      <section class="card" aria-labelledby="partitions-title">
        <h2 id="partitions-title">Partitions</h2>
        <PartitionsTable rows={rows} onTransfer={ask} />
      </section>
      <section class="card" aria-labelledby="charts-title">
        <h2 id="charts-title">While this page is open</h2>
        <Charts samples={samples} />
      </section>
      {transfer && (
        <TransferDialog app={app} {...transfer} onClose={() => setTransfer(undefined)} />
      )}
    </>
  );
}

const MARGIN_ICONS: Readonly<Record<MarginTone, IconName>> = {
  good: "check",
  warning: "alone",
  bad: "failed",
  unknown: "info",
};

function Margin({ rows }: { readonly rows: readonly PartitionRow[] }): VNode {
  const { tone, text } = marginText(rows);
  return (
    <p class={`margin margin-${tone}`} role="status">
      <Icon name={MARGIN_ICONS[tone]} />
      {text}
    </p>
  );
}

function Charts({ samples }: { readonly samples: readonly Sample[] }): VNode {
  const times = samples.map((sample) => sample.atMs);
  const nodes = [...(samples.at(-1)?.lag.keys() ?? [])];
  const lags = nodes.map((node) => ({
    label: `Node ${node}`,
    values: samples.map((sample) => sample.lag.get(node) ?? null),
  }));
  const changes = samples.map((sample) => sample.changesPerSecond);
  return (
    <div class="charts">
      <LineChart
        title="Changes of elections"
        unit="per second"
        times={times}
        lines={[{ label: "All partitions", values: changes }]}
      />
      <LineChart title="Behind the leader, at most" unit="entries" times={times} lines={lags} />
    </div>
  );
}

/** Kept while the screen is open, and forgotten with it. */
function useSamples(picture: ClusterPicture | undefined): readonly Sample[] {
  const [samples, setSamples] = useState<readonly Sample[]>([]);
  useEffect(() => {
    if (picture !== undefined) setSamples((kept) => addSample(kept, picture));
  }, [picture]);
  return samples;
}
