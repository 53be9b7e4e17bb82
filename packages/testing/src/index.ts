// SPDX-License-Identifier: Apache-2.0
/** Tests that need elections: clusters to break, and time that stands still. */

export { createManualClock, type ManualClock } from "@conclave/base";
