// SPDX-License-Identifier: Apache-2.0
/** How a server is told to serve the older protocols: the options of their own, and what they make. */

import { DIALECTS, type DialectOptions, defaultDialectOptions } from "@conclave/server/node";
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
export const dialectShape = {
  dialects: served.optional(),
  "dialect-grace": grace.optional(),
  "dialects.s0.namespace": name.optional(),
  "dialects.s0.database": name.optional(),
  "dialects.s1.namespace": name.optional(),
  "dialects.s2.namespace": name.optional(),
  "dialects.s3.namespace": name.optional(),
  "dialects.s3.cache": z
    .enum(["true", "false"], "must be true or false")
    .transform((text) => text === "true")
    .optional(),
  "dialects.s4.namespace": name.optional(),
  "dialects.s4.kind": z.enum(["election", "latch"], "must be election or latch").optional(),
} as const;

const whole = z.object(dialectShape);

export function dialectOptionsOf(options: z.output<typeof whole>): DialectOptions {
  const given = defaultDialectOptions;
  const { s0, s1, s2, s3, s4 } = given;
  return {
    served: options.dialects ?? given.served,
    graceMs: options["dialect-grace"] ?? given.graceMs,
    database: options["dialects.s0.database"] ?? given.database,
    isCacheEnabled: options["dialects.s3.cache"] ?? given.isCacheEnabled,
    s0: { ...s0, namespace: options["dialects.s0.namespace"] ?? s0.namespace },
    s1: { ...s1, namespace: options["dialects.s1.namespace"] ?? s1.namespace },
    s2: { ...s2, namespace: options["dialects.s2.namespace"] ?? s2.namespace },
    s3: { ...s3, namespace: options["dialects.s3.namespace"] ?? s3.namespace },
    s4: {
      namespace: options["dialects.s4.namespace"] ?? s4.namespace,
      kind: options["dialects.s4.kind"] ?? s4.kind,
    },
  };
}

function isName(text: string): boolean {
  const bytes = Buffer.byteLength(text);
  return bytes >= 1 && bytes <= NAME_BYTES_MAX && !/\p{Cc}/u.test(text);
}
