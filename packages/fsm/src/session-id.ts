// SPDX-License-Identifier: Apache-2.0
/** How a session is named. */

/** An unsigned integer of 64 bits; a bearer secret of its client, so never shown or logged. */
export type SessionId = bigint;
