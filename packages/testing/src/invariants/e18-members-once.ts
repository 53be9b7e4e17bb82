// SPDX-License-Identifier: Apache-2.0
/** E18: a member is listed once, by node and by address; there are at most 64, and never none again. */

import { broken, lifeKey, lifeText } from "./broken.ts";
import type { Rule } from "./rule.ts";
import { sampled } from "./sampling.ts";

const MEMBERS_MAX = 64;

export const membersOnce: Rule = {
  id: "E18",
  begin: () => {
    const hadMembers = new Set<string>();
    return {
      step: sampled((view) => {
        for (const { life, replicas } of view.servers) {
          const members = replicas?.members() ?? [];
          const nodes = new Set(members.map(({ node }) => node));
          const addresses = new Set(members.map(({ address }) => address));
          const list = `${lifeText(life)} lists ${members.map(({ node, address }) => `${node} at ${address}`)}`;
          if (nodes.size < members.length || addresses.size < members.length) {
            return broken("E18", `${list}: somebody twice`);
          }
          if (members.length > MEMBERS_MAX) return broken("E18", `${list}: too many`);
          const key = lifeKey(life, 1);
          if (members.length > 0) hadMembers.add(key);
          else if (hadMembers.has(key)) return broken("E18", `${list}: nobody any more`);
        }
        return undefined;
      }),
    };
  },
};
