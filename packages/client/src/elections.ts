// SPDX-License-Identifier: Apache-2.0
/** The elections of one namespace, over the sessions and the connection of their client. */

import { type CampaignContext, campaign, lead, serve } from "./campaign.ts";
import { checkName, checkUint64 } from "./campaign-options.ts";
import type { Elections } from "./election.ts";
import { checkFence, createAdmin, getView, listViews, type RequestContext } from "./requests.ts";
import { watchChanges } from "./watching.ts";

/** What a client shares among its namespaces. */
export interface ElectionsParts {
  readonly campaigns: Omit<CampaignContext, "namespace">;
  readonly requests: Omit<RequestContext, "namespace">;
}

export function createElections(parts: ElectionsParts, namespace: string): Elections {
  checkName("namespace", namespace);
  const campaigns: CampaignContext = { ...parts.campaigns, namespace };
  const requests: RequestContext = { ...parts.requests, namespace };
  return {
    election(name) {
      checkName("election", name);
      return {
        name,
        lead: (work, options = {}) => lead(campaigns, name, work, options),
        serve: (work, options = {}) => serve(campaigns, name, work, options),
        campaign: (options = {}) => campaign(campaigns, name, options),
        watch: ({ after, signal } = {}) => {
          if (after !== undefined) checkUint64("after", after);
          return watchChanges(requests, { kind: "election", name, after }, signal);
        },
        get: (options = {}) => getView(requests, name, options),
        checkFence: (term, options = {}) => checkFence(requests, name, term, options),
        admin: createAdmin(requests, name),
      };
    },
    list: (prefix = "", options = {}) => listViews(requests, prefix, options),
    watch: (prefix, { signal } = {}) => watchChanges(requests, { kind: "prefix", prefix }, signal),
  };
}
