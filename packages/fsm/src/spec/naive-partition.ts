// SPDX-License-Identifier: Apache-2.0
/**
 * The dumb twin: the rows of semantics A1 written down as plainly as they read, with arrays copied
 * at each step and nothing indexed. Wrong only where the reader would see it.
 */

import type { Command } from "../command.ts";
import type { DialectOperation } from "../dialect-command.ts";
import { keyText } from "../key.ts";

interface Place {
  readonly name: string;
  readonly session: bigint;
}

export class NaivePartition {
  readonly lists: Map<string, readonly Place[]> = new Map();
  /** Never forgets a name, so no term can be issued twice. */
  readonly terms: Map<string, bigint> = new Map();
  readonly open: Set<bigint> = new Set();
  readonly ended: Set<bigint> = new Set();
  readonly answered: Map<string, string> = new Map();
  revision = 0;

  apply(commands: readonly Command[]): string[] {
    return commands.map((command, i) => this.answer(command, commands.slice(i)));
  }

  private answer(command: Command, rest: readonly Command[]): string {
    switch (command.kind) {
      case "open-session":
        if (this.ended.has(command.sessionId)) return "session_ended";
        this.open.add(command.sessionId);
        return "session-opened";
      case "close-session":
        if (this.open.has(command.sessionId)) this.end(rest);
        return "session-closed";
      case "expire-sessions":
        if (command.sessions.some((s) => this.open.has(s.sessionId))) this.end(rest);
        return "sessions-expired";
      case "enter":
      case "withdraw":
      case "update-metadata": {
        const problem = this.problemOf(command.id.sessionId);
        if (problem !== undefined) return problem;
        const number = `${command.id.sessionId}/${command.id.number}`;
        const before = this.answered.get(number);
        if (before?.startsWith("done")) return `${before} replayed`;
        const answer = before ?? this.own(command);
        this.answered.set(number, answer);
        return answer;
      }
      case "anoint":
      case "promote":
      case "demote":
      case "evict":
        return this.steer(command.kind, keyText(command.key), command.candidate);
      case "delete": {
        const text = keyText(command.key);
        if (!this.lists.delete(text)) return "no_such_election";
        this.revision += 1;
        return "done";
      }
      case "dialect-call":
        return this.problemOf(command.sessionId) ?? this.call(command.sessionId, command.operation);
      default:
        throw new Error(`the twin does not know ${command.kind}`);
    }
  }

  private problemOf(session: bigint): string | undefined {
    if (this.open.has(session)) return undefined;
    return this.ended.has(session) ? "session_ended" : "session_unknown";
  }

  private end(rest: readonly Command[]): void {
    const named = rest.flatMap((c) =>
      c.kind === "close-session"
        ? [c.sessionId]
        : c.kind === "expire-sessions"
          ? c.sessions.map((s) => s.sessionId)
          : [],
    );
    const gone = new Set(named.filter((id) => this.open.has(id)));
    for (const id of gone) {
      this.open.delete(id);
      this.ended.add(id);
    }
    for (const [text, list] of this.lists) {
      this.put(
        text,
        list.filter((place) => !gone.has(place.session)),
      );
    }
  }

  private own(command: Command & { kind: "enter" | "withdraw" | "update-metadata" }): string {
    const text = keyText(command.key);
    const session = command.id.sessionId;
    const list = this.lists.get(text);
    const place = list?.find((p) => p.name === command.candidate);
    if (command.kind === "enter") {
      if (place !== undefined && place.session !== session && !command.takeover) {
        return "held_by_another_session";
      }
      return this.enter(text, command.candidate, session);
    }
    if (list === undefined) return "no_such_election";
    if (place === undefined) return "not_a_candidate";
    if (place.session !== session) return "held_by_another_session";
    if (command.kind === "update-metadata") return "done unchanged";
    return this.put(
      text,
      list.filter((p) => p !== place),
    );
  }

  private call(session: bigint, operation: DialectOperation): string {
    const text = keyText(operation.key);
    const list = this.lists.get(text) ?? [];
    if (operation.kind === "enter") return this.enter(text, operation.candidate, session);
    if (operation.kind === "withdraw") {
      return this.put(
        text,
        list.filter((p) => p.name !== operation.candidate),
      );
    }
    if (!("candidate" in operation)) throw new Error(`the twin does not know ${operation.kind}`);
    const answer = this.steer(operation.kind, text, operation.candidate);
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
    if (list === undefined) return "no_such_election";
    const at = list.findIndex((p) => p.name === name);
    if (at < 0) return "not_a_candidate";
    const others = list.filter((_, i) => i !== at);
    const goal = { anoint: 0, promote: Math.max(at - 1, 0), demote: at + 1 }[verb];
    return this.put(text, goal === undefined ? others : others.toSpliced(goal, 0, list[at]!));
  }

  /** The only place where a term rises: when the first of the list is another than before. */
  private put(text: string, list: readonly Place[]): string {
    const before = this.lists.get(text) ?? [];
    if (list.length > 0 || this.lists.has(text)) this.lists.set(text, list);
    const isOfficeTaken =
      list[0] !== undefined &&
      (list[0].name !== before[0]?.name || list[0].session !== before[0]?.session);
    if (isOfficeTaken) this.terms.set(text, (this.terms.get(text) ?? 0n) + 1n);
    const isSeen = list.map((p) => p.name).join() !== before.map((p) => p.name).join();
    if (!isSeen && !isOfficeTaken) return "done unchanged";
    this.revision += 1;
    return "done";
  }
}
