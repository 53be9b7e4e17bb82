// SPDX-License-Identifier: Apache-2.0
/** The dumb twin: semantics A1 as plainly as it reads. Lists are copied, nothing is indexed. */
import type { Command } from "../command.ts";
import type { DialectOperation } from "../dialect-command.ts";
import { keyText } from "../key.ts";

type List = readonly { readonly name: string; readonly session: bigint }[];
type Own = Command & { readonly kind: "enter" | "withdraw" | "update-metadata" };

export class NaivePartition {
  readonly lists: Map<string, List> = new Map();
  /** Never forgets a name, so no term can be issued twice. */
  readonly terms: Map<string, bigint> = new Map();
  readonly sessions: Map<bigint, "open" | "ended"> = new Map();
  readonly answered: Map<string, string> = new Map();
  revision = 0;

  apply(commands: readonly Command[]): string[] {
    return commands.map((command, i) => this.answer(command, commands.slice(i)));
  }

  private answer(command: Command, rest: readonly Command[]): string {
    if (command.kind === "open-session") {
      if (this.sessions.get(command.sessionId) === "ended") return "session_ended";
      this.sessions.set(command.sessionId, "open");
      return "session-opened";
    }
    if (command.kind === "close-session" || command.kind === "expire-sessions") {
      if (endsOf(command).some((id) => this.sessions.get(id) === "open")) this.end(rest);
      return command.kind === "close-session" ? "session-closed" : "sessions-expired";
    }
    if (command.kind === "delete") {
      if (!this.lists.delete(keyText(command.key))) return "no_such_election";
      this.revision += 1;
      return "done";
    }
    if (command.kind === "dialect-call") {
      const problem = this.problemOf(command.sessionId);
      return problem ?? this.call(command.sessionId, command.operation);
    }
    if ("id" in command) return this.problemOf(command.id.sessionId) ?? this.once(command);
    if (!("key" in command)) throw new Error(`the twin does not know ${command.kind}`);
    return this.steer(command.kind, keyText(command.key), command.candidate);
  }

  private problemOf(session: bigint): string | undefined {
    const known = this.sessions.get(session);
    return known === "open" ? undefined : `session_${known ?? "unknown"}`;
  }

  private end(rest: readonly Command[]): void {
    const open = rest.flatMap(endsOf).filter((id) => this.sessions.get(id) === "open");
    for (const id of open) this.sessions.set(id, "ended");
    for (const [text, list] of this.lists)
      this.put(
        text,
        list.filter((p) => !open.includes(p.session)),
      );
  }

  private once(command: Own): string {
    const number = `${command.id.sessionId}/${command.id.number}`;
    const before = this.answered.get(number);
    const answer = before ?? this.own(command, keyText(command.key), command.id.sessionId);
    this.answered.set(number, answer);
    return before?.startsWith("done") ? `${before} replayed` : answer;
  }

  private own(command: Own, text: string, session: bigint): string {
    const list = this.lists.get(text);
    const place = list?.find((p) => p.name === command.candidate);
    const isOthers = place !== undefined && place.session !== session;
    const isTaken = command.kind === "enter" && command.takeover;
    if (isOthers && !isTaken) return "held_by_another_session";
    if (command.kind === "enter") return this.enter(text, command.candidate, session);
    if (list === undefined) return "no_such_election";
    if (place === undefined) return "not_a_candidate";
    if (command.kind === "update-metadata") return "done unchanged";
    return this.put(
      text,
      list.filter((p) => p !== place),
    );
  }

  private call(session: bigint, operation: DialectOperation): string {
    const text = keyText(operation.key);
    if (!("candidate" in operation)) throw new Error(`the twin does not know ${operation.kind}`);
    if (operation.kind === "enter") return this.enter(text, operation.candidate, session);
    const verb = operation.kind === "withdraw" ? "evict" : operation.kind;
    const answer = this.steer(verb, text, operation.candidate);
    return answer.startsWith("done") ? answer : "done unchanged";
  }

  private enter(text: string, name: string, session: bigint): string {
    const list = this.lists.get(text) ?? [];
    if (!list.some((p) => p.name === name)) return this.put(text, [...list, { name, session }]);
    return this.put(
      text,
      list.map((p) => (p.name === name ? { name, session } : p)),
    );
  }

  private steer(verb: string, text: string, name: string): string {
    const list = this.lists.get(text);
    const at = list?.findIndex((p) => p.name === name) ?? -1;
    if (list === undefined || at < 0) return list ? "not_a_candidate" : "no_such_election";
    const others = list.toSpliced(at, 1);
    const goal = { anoint: 0, promote: Math.max(at - 1, 0), demote: at + 1 }[verb];
    return this.put(text, goal === undefined ? others : others.toSpliced(goal, 0, list[at]!));
  }

  /** The only place where a term rises: when the first of the list is another than before. */
  private put(text: string, list: List): string {
    const before = this.lists.get(text) ?? [];
    if (list.length > 0 || this.lists.has(text)) this.lists.set(text, list);
    const [now, then] = [list[0], before[0]];
    const isTaken = now && (now.name !== then?.name || now.session !== then.session);
    if (isTaken) this.terms.set(text, (this.terms.get(text) ?? 0n) + 1n);
    const isSeen = list.map((p) => p.name).join() !== before.map((p) => p.name).join();
    if (!isSeen && !isTaken) return "done unchanged";
    this.revision += 1;
    return "done";
  }
}

function endsOf(command: Command): bigint[] {
  if (command.kind === "close-session") return [command.sessionId];
  return command.kind === "expire-sessions" ? command.sessions.map((s) => s.sessionId) : [];
}
