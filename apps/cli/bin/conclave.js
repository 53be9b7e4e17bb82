#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Checked in, so that installing links the command before the first build exists.
import "../dist/main.js";
