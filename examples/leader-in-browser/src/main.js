// SPDX-License-Identifier: Apache-2.0
/** Of all open tabs of this page, one polls for the others. */

import { connect } from "@conclave/client";

const query = new URLSearchParams(location.search);
const given = query.getAll("endpoint");
const name = query.get("name") ?? `tab-${crypto.getRandomValues(new Uint16Array(1))[0]}`;
show("name", name);

const client = await connect({ endpoints: given.length > 0 ? given : ["http://127.0.0.1:7400"] });
const election = client.election(query.get("election") ?? "poller");

// A tab that is closed resigns by itself, and the next one leads at once.
const served = election.serve(poll, {
  candidate: name,
  ttlMs: Number(query.get("ttl") ?? 5_000),
  onState: (state) => show("state", state),
});
await Promise.all([served, follow()]);

/** @param {import("@conclave/client").Leadership} leadership */
async function poll(leadership) {
  for (let polls = 0; !leadership.signal.aborted; ) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    // After sleep, or offline, it leads only once the server has said so again.
    if (leadership.remainingMs === 0) continue;
    const headers = { "x-fence": String(leadership.fence) };
    const answer = await fetch("news.txt", { headers, cache: "no-store" }).catch(() => undefined);
    if (!answer?.ok) continue;
    show("polls", ++polls);
    show("news", await answer.text());
  }
}

async function follow() {
  for await (const change of election.watch()) {
    if (!("view" in change)) continue;
    show("term", change.view.term);
    show("leader", change.view.leader?.id ?? "nobody");
  }
}

/** @param {string} id @param {unknown} text */
function show(id, text) {
  const element = document.getElementById(id);
  if (element !== null) element.textContent = String(text);
}
