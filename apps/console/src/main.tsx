// SPDX-License-Identifier: Apache-2.0
/** Where the page begins. */

import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/pieces.css";
import "./styles/grid.css";
import { render } from "preact";
import { createApp } from "./create-app.ts";
import { Shell } from "./shell.tsx";
import { applyStoredTheme } from "./ui/theme.tsx";

applyStoredTheme();
const root = document.getElementById("app");
if (root !== null) render(<Shell app={createApp()} />, root);
