// SPDX-License-Identifier: Apache-2.0
/** Runs every rule on the repository itself. What each rule catches is proved in its own spec. */

import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { checkFileCycles, checkLayers, checkPackageCycles } from "./imports.ts";
import { checkLengths } from "./lengths.ts";
import { checkLinks, checkRuleNumbers, checkTestNames } from "./links.ts";
import { checkMachine } from "./machine.ts";
import { checkExactVersions, checkOneVersion, checkReferences } from "./manifests.ts";
import { checkFocus, checkLicence, checkNames, checkSyntax, checkWords } from "./manners.ts";
import { readTree } from "./read-tree.ts";
import { describeViolation, type Rule } from "./tree.ts";

const RULES: readonly (readonly [string, Rule])[] = [
  ["every import goes to a lower layer, through a door", checkLayers],
  ["no file imports itself in a circle", checkFileCycles],
  ["no package imports itself in a circle", checkPackageCycles],
  ["pure code takes time and chance as arguments", checkMachine],
  ["files and functions are short, or in the ratchet", checkLengths],
  ["every source begins with its licence", checkLicence],
  ["every file is named for what it holds", checkNames],
  ["no forbidden word or foreign path stands anywhere", checkWords],
  ["no any by assertion, no export *, no default export", checkSyntax],
  ["no test is alone, and none left out without a reason", checkFocus],
  ["every link in a document leads somewhere", checkLinks],
  ["every test that a document names exists", checkTestNames],
  ["every rule number in code stands in the invariants", checkRuleNumbers],
  ["every dependency has an exact version", checkExactVersions],
  ["all our packages carry one version", checkOneVersion],
  ["the compiler and the manifest agree on what a package needs", checkReferences],
];

const root = fileURLToPath(new URL("../../..", import.meta.url));
const tree = readTree(root);

describe("the repository", () => {
  it("was read", () => {
    expect(tree.has("tools/tidy/src/tidy.spec.ts")).toBe(true);
  });

  it.each(RULES)("keeps the rule: %s", (_name, rule) => {
    expect(rule(tree).map(describeViolation)).toEqual([]);
  });
});
