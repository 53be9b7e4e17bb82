// SPDX-License-Identifier: Apache-2.0
/** What a candidate or a session says about itself. */

import type { VNode } from "preact";

export function MetadataTable(props: {
  readonly metadata: Readonly<Record<string, string>>;
  readonly label: string;
}): VNode {
  const entries = Object.entries(props.metadata);
  if (entries.length === 0) return <p class="muted">None.</p>;
  return (
    <table class="metadata" aria-label={props.label}>
      <thead class="visually-hidden">
        <tr>
          <th scope="col">Key</th>
          <th scope="col">Value</th>
        </tr>
      </thead>
      <tbody>
        {entries.map(([key, value]) => (
          <tr key={key}>
            <th scope="row">{key}</th>
            <td>{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
