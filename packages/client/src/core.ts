// SPDX-License-Identifier: Apache-2.0
/** The SDK without a runtime: for a simulator, which brings clocks, chance and frames of its own. */

export type { SuspendClock } from "./belief.ts";
export { type ClientOptions, createClient } from "./client.ts";
export type { Client, ConnectOptions } from "./election.ts";
export type { Attachment, AttachmentListener, Link, Runtime } from "./link.ts";
