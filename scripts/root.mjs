// SPDX-License-Identifier: Apache-2.0
/** Where the workspace stands, so that its commands work from any folder. */

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** The workspace's root folder. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
