// SPDX-License-Identifier: Apache-2.0
/**
 * How many cycles of enter, lead and withdraw per second does one durable node serve through the SDK,
 * on an election of its own for each cycle in flight?
 */

import { connect } from "@conclave/client";
import { type Measurement, measure } from "./measure.ts";
import { startServer } from "./server-process.ts";

const IN_FLIGHT = [1, 16, 64, 256];

export async function measureCycles(): Promise<Measurement[]> {
  const server = await startServer();
  const client = await connect({ endpoints: [server.url] });
  try {
    return await measure(
      IN_FLIGHT.map((count) => {
        const elections = Array.from({ length: count }, (_, i) => client.election(`bench-${i}`));
        return {
          name: `${count} in flight`,
          operations: count,
          run: async () => {
            await Promise.all(elections.map((election) => election.lead(async () => {})));
          },
        };
      }),
      3,
    );
  } finally {
    await client.close();
    await server.stop();
  }
}
