// SPDX-License-Identifier: Apache-2.0
/** How a server is told to serve the older protocols: the options of their own, and what they make. */

import {
  DIALECTS,
  type DialectOptions,
  defaultDialectOptions as given,
} from "@conclave/server/node";
import { z } from "zod";

/** A session's TTL at least, which this grace becomes. */
const GRACE_MS_MIN = 500;
/** Longer than that nobody waits for a client that is gone. */
const GRACE_MS_MAX = 3_600_000;
const NAME_BYTES_MAX = 256;

const name = z.string().refine(isName, `must be 1 to ${NAME_BYTES_MAX} bytes of plain text`);

const served = z.string().transform((text, context) => {
  if (text === "none") return [];
  const names = text.split(",").map((each) => each.trim());
  const unknown = names.filter((each) => !DIALECTS.some((dialect) => dialect === each));
  if (unknown.length > 0) {
    context.addIssue(`must be none or some of ${DIALECTS.join(",")}; ${unknown.join(",")} is not`);
  }
  return DIALECTS.filter((dialect) => names.includes(dialect));
});

const grace = z.string().transform((text, context) => {
  const [, number, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(number) * (UNIT_MS[unit ?? ""] ?? Number.NaN);
  if (Number.isInteger(ms) && ms >= GRACE_MS_MIN && ms <= GRACE_MS_MAX) return ms;
  context.addIssue("must be 500ms to 1h, a number with its unit, as 10s");
  return z.NEVER;
});

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** By the flag's name. */
const shape = z.object({
  dialects: served.default([...given.served]),
  "dialect-grace": grace.default(given.graceMs),
  "dialects.s0.namespace": name.default(given.s0.namespace),
  "dialects.s0.database": name.default(given.database),
  "dialects.s1.namespace": name.default(given.s1.namespace),
  "dialects.s2.namespace": name.default(given.s2.namespace),
  "dialects.s3.namespace": name.default(given.s3.namespace),
  "dialects.s3.cache": z
    .enum(["true", "false"], "must be true or false")
    .transform((text) => text === "true")
    .default(given.isCacheEnabled),
  "dialects.s4.namespace": name.default(given.s4.namespace),
  "dialects.s4.kind": z
    .enum(["election", "latch"], "must be election or latch")
    .default(given.s4.kind),
});

type DialectsRead =
  | { readonly kind: "options"; readonly options: DialectOptions }
  | { readonly kind: "faults"; readonly faults: readonly DialectFault[] };

interface DialectFault {
  readonly flag: string;
  readonly rule: string;
}

/** @param text the values of all flags, by their names. */
export function readDialects(text: Readonly<Record<string, string>>): DialectsRead {
  const parsed = shape.safeParse(text);
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path, message }) => {
      return { flag: String(path[0]), rule: message };
    });
    return { kind: "faults", faults };
  }
  const { data } = parsed;
  const options: DialectOptions = {
    served: data.dialects,
    graceMs: data["dialect-grace"],
    database: data["dialects.s0.database"],
    isCacheEnabled: data["dialects.s3.cache"],
    s0: { ...given.s0, namespace: data["dialects.s0.namespace"] },
    s1: { ...given.s1, namespace: data["dialects.s1.namespace"] },
    s2: { ...given.s2, namespace: data["dialects.s2.namespace"] },
    s3: { ...given.s3, namespace: data["dialects.s3.namespace"] },
    s4: { namespace: data["dialects.s4.namespace"], kind: data["dialects.s4.kind"] },
  };
  return { kind: "options", options };
}

function isName(text: string): boolean {
  const bytes = Buffer.byteLength(text);
  return bytes >= 1 && bytes <= NAME_BYTES_MAX && !/\p{Cc}/u.test(text);
}
