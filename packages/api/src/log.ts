// SPDX-License-Identifier: Apache-2.0
/**
 * What our log entries and snapshots hold, conclave.log.v1; never on a public wire. A list of names
 * and nothing else.
 */

export { file_conclave_log_v1_log } from "./gen/conclave/log/v1/log_pb.ts";
