// SPDX-License-Identifier: Apache-2.0
/** Operations as one line for people. */

import { unreachable } from "@conclave/base";
import type { Call, Operation, Result } from "./operation.ts";

/** Times in milliseconds. */
export function operationText({ client, call, startNs, endNs, result }: Operation): string {
  const end = endNs === undefined ? "" : msOf(endNs);
  return `${msOf(startNs)}..${end} ms  ${client}: ${callText(call)} -> ${resultText(result)}`;
}

function callText(call: Call): string {
  switch (call.kind) {
    case "campaign":
      return `campaign ${call.candidate}${call.takeover === true ? ", taking over" : ""}`;
    case "resign":
      return `resign ${call.candidate} from term ${call.term}`;
    case "update":
      return `update ${call.candidate}`;
    case "get":
      return call.read === "stale" ? "get (stale)" : "get";
    case "check-fence":
      return `check-fence ${call.term}`;
    case "delete":
      return `delete${conditionText(call.ifRevision)}`;
    case "anoint":
    case "promote":
    case "demote":
    case "evict":
      return `${call.kind} ${call.candidate}${conditionText(call.ifRevision)}`;
    default:
      return unreachable(call);
  }
}

function conditionText(ifRevision: bigint | undefined): string {
  return ifRevision === undefined ? "" : ` if at revision ${ifRevision}`;
}

function resultText(result: Result | undefined): string {
  switch (result?.kind) {
    case undefined:
      return "no answer";
    case "led":
      return `leads in term ${result.term}`;
    case "view": {
      const { term, candidates, revision } = result.view;
      return `term ${term}, [${candidates.join(", ")}], revision ${revision}`;
    }
    case "fence":
      return `${result.status}, term ${result.term}, revision ${result.revision}`;
    case "done":
      return "done";
    case "refused":
    case "unknown":
      return `${result.kind} ${result.code}`;
    default:
      return unreachable(result);
  }
}

function msOf(ns: bigint): string {
  return (Number(ns / 1_000n) / 1_000).toFixed(3);
}
