// SPDX-License-Identifier: Apache-2.0
/** Requests that read or watch, checked and put into queries. */

import type { ListRequest, WatchRequest } from "@conclave/api";
import type { PrimitiveKey } from "@conclave/fsm";
import type { ClusterIdentity } from "../replica/election-node.ts";
import type { ListPageQuery } from "../replica/reads.ts";
import { homeOf } from "../replica/routing.ts";
import type { ResumePoint } from "../replica/watch.ts";
import type { KeyPrefix, WatchTarget } from "../replica/watch-index.ts";
import { isFailure, keyOf, namespaceOf, prefixOf, primitiveKindOf } from "./bounds.ts";
import { type Failure, invalidField, notApplied } from "./failure.ts";
import { decodeResume } from "./resume-token.ts";

const PAGE_SIZE_DEFAULT = 100;
const PAGE_SIZE_MAX = 1_000;
/** Elections that one watch may name; more are watched by prefix, or by several watches. */
const WATCHED_NAMES_MAX = 1_024;

/** The token of a page is the name that the page before ended with, after one letter for its format. */
const PAGE_TOKEN_FORMAT = "a";

export function listQueryOf(request: ListRequest): ListPageQuery | Failure {
  const family = familyOf(request.namespace, request.prefix, request.kind, "");
  if (isFailure(family)) return family;
  const { pageSize, pageToken } = request;
  if (pageSize > PAGE_SIZE_MAX) {
    return invalidField("page_size", `1 to ${PAGE_SIZE_MAX}, or 0 for ${PAGE_SIZE_DEFAULT}`);
  }
  const isOurs = pageToken === "" || pageToken.startsWith(PAGE_TOKEN_FORMAT + family.prefix);
  if (!isOurs) return invalidField("page_token", "from the answer before, to the same request");
  return {
    ...family,
    isVacantOnly: request.vacant,
    after: pageToken === "" ? undefined : pageToken.slice(PAGE_TOKEN_FORMAT.length),
    limit: pageSize === 0 ? PAGE_SIZE_DEFAULT : pageSize,
  };
}

export function pageTokenOf(next: string | undefined): string {
  return next === undefined ? "" : PAGE_TOKEN_FORMAT + next;
}

export interface WatchQuery {
  readonly target: WatchTarget;
  readonly resume: ResumePoint | undefined;
  readonly withBase: boolean;
}

export function watchQueryOf(
  request: WatchRequest,
  cluster: ClusterIdentity,
): WatchQuery | Failure {
  const target = watchTargetOf(request);
  // A target is told from a failure by the words of its kind.
  if (target.kind === "failure") return target;
  const { after, resume: token, withBase } = request;
  if (after !== undefined) {
    const [key] = target.kind === "names" ? target.keys : [];
    const isOneName = target.kind === "names" && target.keys.length === 1 && token.length === 0;
    if (!isOneName || key === undefined) {
      return invalidField("after", "only with one named election and without resume");
    }
    const home = homeOf(key.name, cluster.partitionCount);
    return { target, resume: new Map([[home, after]]), withBase };
  }
  if (withBase) return invalidField("with_base", "only with after");
  if (token.length === 0) return { target, resume: undefined, withBase };
  const decoded = decodeResume(cluster.clusterId, token);
  if (decoded.kind === "other-cluster") return notApplied("other_cluster");
  if (decoded.kind === "malformed") return invalidField("resume", "from a message of a watch");
  return { target, resume: decoded.point, withBase };
}

function watchTargetOf({ elections, prefix }: WatchRequest): WatchTarget | Failure {
  if (prefix !== undefined) {
    if (elections.length > 0) return invalidField("prefix", "not beside elections");
    const family = familyOf(prefix.namespace, prefix.prefix, prefix.kind, "prefix.");
    return isFailure(family) ? family : { kind: "prefix", ...family };
  }
  if (elections.length === 0) return invalidField("elections", "must be set, or prefix");
  if (elections.length > WATCHED_NAMES_MAX) {
    return invalidField("elections", `at most ${WATCHED_NAMES_MAX}`);
  }
  const keys: PrimitiveKey[] = [];
  for (const [i, ref] of elections.entries()) {
    const key = keyOf(ref, `elections[${i}]`);
    if (isFailure(key)) return key;
    keys.push(key);
  }
  return { kind: "names", keys };
}

function familyOf(
  namespaceText: string,
  prefixText: string,
  kind: Parameters<typeof primitiveKindOf>[0],
  path: string,
): KeyPrefix | Failure {
  const namespace = namespaceOf(namespaceText, `${path}namespace`);
  if (typeof namespace !== "string") return namespace;
  const prefix = prefixOf(prefixText, `${path}prefix`);
  if (typeof prefix !== "string") return prefix;
  const primitive = primitiveKindOf(kind, `${path}kind`);
  if (typeof primitive !== "string") return primitive;
  return { primitive, namespace, prefix };
}
