// SPDX-License-Identifier: Apache-2.0
/** The dumb twin: semantics A1 as plainly as it reads. Lists are copied, nothing is ever forgotten. */
import type { Command } from "../command.ts";
import { keyText } from "../key.ts";

type List = readonly { readonly name: string; readonly session: bigint }[];
type Own = Command & { readonly kind: "enter" | "withdraw" | "update-metadata" };

export class NaivePartition {
  readonly lists: Map<string, List> = new Map();
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
      if (this.endedBy(command).length > 0) this.end(rest.flatMap((c) => this.endedBy(c)));
      return command.kind === "close-session" ? "session-closed" : "sessions-expired";
    }
    if (command.kind === "delete") {
      if (!this.lists.delete(keyText(command.key))) return "no_such_election";
      this.revision += 1;
      return "done";
    }
    const caller = "id" in command ? command.id : "operation" in command && command;
    const known = caller ? (this.sessions.get(caller.sessionId) ?? "unknown") : "open";
    if (known !== "open") return `session_${known}`;
    if ("id" in command) return this.once(command);
    if ("operation" in command) return this.call(command);
    if (!("key" in command)) throw new Error(`the twin does not know ${command.kind}`);
    return this.move(command.kind, keyText(command.key), command.candidate, 0n);
  }

  private endedBy(command: Command): bigint[] {
    const named = command.kind === "close-session" ? [command] : [];
    const all = command.kind === "expire-sessions" ? command.sessions : named;
    return all.map((s) => s.sessionId).filter((id) => this.sessions.get(id) === "open");
  }

  private end(ids: readonly bigint[]): void {
    for (const id of ids) this.sessions.set(id, "ended");
    const stays = (p: List[number]): boolean => !ids.includes(p.session);
    for (const [text, list] of this.lists) this.put(text, list.filter(stays));
  }

  private once(command: Own): string {
    const number = `${command.id.sessionId}/${command.id.number}`;
    const before = this.answered.get(number);
    const answer = before ?? this.own(command, keyText(command.key), command.id.sessionId);
    this.answered.set(number, answer);
    return before?.startsWith("done") ? `${before} replayed` : answer;
  }

  private own(command: Own, text: string, session: bigint): string {
    const place = this.lists.get(text)?.find((p) => p.name === command.candidate);
    const isTaken = command.kind === "enter" && command.takeover;
    if (place && place.session !== session && !isTaken) return "held_by_another_session";
    return this.move(command.kind, text, command.candidate, session);
  }

  private call({ operation, sessionId }: Command & { kind: "dialect-call" }): string {
    if (!("candidate" in operation)) throw new Error(`the twin does not know ${operation.kind}`);
    const text = keyText(operation.key);
    const answer = this.move(operation.kind, text, operation.candidate, sessionId);
    return answer.startsWith("done") ? answer : "done unchanged";
  }

  private move(verb: string, text: string, name: string, session: bigint): string {
    const list = this.lists.get(text) ?? [];
    const found = list.findIndex((p) => p.name === name);
    const at = found < 0 ? list.length : found;
    if (verb === "enter") return this.put(text, list.toSpliced(at, 1, { name, session }));
    if (found < 0) return this.lists.has(text) ? "not_a_candidate" : "no_such_election";
    if (verb === "withdraw" || verb === "evict") return this.put(text, list.toSpliced(at, 1));
    const goal = { anoint: 0, promote: Math.max(at - 1, 0), demote: at + 1 }[verb] ?? at;
    return this.put(text, list.toSpliced(at, 1).toSpliced(goal, 0, list[at]!));
  }

  /** The only place where a term rises: when the first of the list is another than before. */
  private put(text: string, list: List): string {
    const before = this.lists.get(text) ?? [];
    this.lists.set(text, list);
    const [now, then] = [list[0], before[0]];
    const isTaken = now && (now.name !== then?.name || now.session !== then.session);
    if (isTaken) this.terms.set(text, (this.terms.get(text) ?? 0n) + 1n);
    const isSeen = isTaken || list.map((p) => p.name).join() !== before.map((p) => p.name).join();
    if (isSeen) this.revision += 1;
    return isSeen ? "done" : "done unchanged";
  }
}
