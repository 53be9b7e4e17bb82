// SPDX-License-Identifier: Apache-2.0
/** Code to paste where a leader writes, so that one that was deposed cannot. Texts only. */

export interface Snippet {
  readonly id: "typescript" | "sql" | "http";
  readonly label: string;
  readonly about: string;
  readonly code: string;
}

export function fenceSnippets(namespace: string, name: string, term: bigint): readonly Snippet[] {
  const handle =
    namespace === "default" ? "client" : `client.namespace(${JSON.stringify(namespace)})`;
  return [
    {
      id: "typescript",
      label: "TypeScript",
      about: "The leader hands its fence to whatever it writes to; this resource asks the cluster.",
      code: [
        `const election = ${handle}.election(${JSON.stringify(name)});`,
        "await election.serve(async (leadership) => {",
        "  // Throws unless the office is held for half a second more.",
        "  const { term } = leadership.assertHeld(500);",
        "  await store.write(record, { term });",
        "});",
        "",
        `// In the resource, which was handed a term (${term} at present):`,
        "const { status } = await election.checkFence(term);",
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is for the program that it is copied to
        'if (status !== "current") throw new Error(`term ${term} is ${status}`);',
      ].join("\n"),
    },
    {
      id: "sql",
      label: "SQL",
      about: "Better where the resource can store a number: it refuses a lower one by itself.",
      code: [
        "UPDATE resource",
        "   SET content = :content, term = :term",
        " WHERE id = :id AND term <= :term;",
        `-- :term is the leader's, ${term} at present.`,
        "-- No row changed: a later leader has written, this one must stop.",
      ].join("\n"),
    },
    {
      id: "http",
      label: "HTTP",
      about: "A service keeps the highest term it has seen, and answers 409 to a lower one.",
      code: [
        `PUT /resource HTTP/1.1`,
        `X-Fence: ${term}`,
        "",
        `HTTP/1.1 409 Conflict`,
        "X-Fence-Seen: (the higher term)",
      ].join("\n"),
    },
  ];
}
