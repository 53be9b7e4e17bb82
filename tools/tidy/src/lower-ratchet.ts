// SPDX-License-Identifier: Apache-2.0
/** `npm run fix`: writes the ratchet with its entries lowered. It can raise or add none. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { lowerRatchet, RATCHET_PATH } from "./lengths.ts";
import { readTree } from "./read-tree.ts";

const root = process.argv[2];
if (root === undefined) throw new Error("usage: lower-ratchet ROOT");

const tree = readTree(root);
const lowered = lowerRatchet(tree);
if (lowered !== tree.get(RATCHET_PATH)) writeFileSync(join(root, RATCHET_PATH), lowered);
