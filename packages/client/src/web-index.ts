// SPDX-License-Identifier: Apache-2.0
/** The SDK for pages. The surface is in election.ts, leadership.ts, view.ts and error.ts. */

export type {
  AdminOptions,
  CampaignOptions,
  CampaignState,
  Client,
  ClientState,
  ConnectOptions,
  Election,
  ElectionAdmin,
  Elections,
  FenceCheck,
  ListOptions,
  ReadOptions,
} from "./election.ts";
export { ElectionError, type ElectionErrorCode, type Outcome } from "./error.ts";
export type { Fence, Leadership } from "./leadership.ts";
export type { Candidate, Cause, Change, View, ViewChange, WatchOptions } from "./view.ts";
export { connect, type WebConnectOptions } from "./web.ts";
