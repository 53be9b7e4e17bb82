// SPDX-License-Identifier: Apache-2.0
/**
 * Sessions as the console knows them: what each leads and waits for, from the elections' views, and
 * its times, from the partitions that it is registered on. Pure. An instance is derived from the
 * session and tells sessions apart; the session's id is a secret that never gets here.
 */

import type { Candidate } from "@conclave/client";
import type { SessionInfo } from "@conclave/client/cluster";
import type { ElectionRow } from "../model/election-row.ts";

export interface Standing {
  readonly namespace: string;
  readonly name: string;
  readonly candidate: string;
  /** 0 leads, 1 is the next. */
  readonly position: number;
  readonly term: bigint;
}

/** What one partition says of a session. */
export interface Registration extends SessionInfo {
  readonly partition: number;
}

export interface SessionRow {
  readonly instance: string;
  readonly leads: readonly Standing[];
  readonly waits: readonly Standing[];
  /** Empty: none was asked for yet, or the session has just ended. */
  readonly registrations: readonly Registration[];
}

/** Those that lead most first, then those that wait for most, then by instance. */
export function sessionRows(
  elections: Iterable<ElectionRow>,
  registrations: readonly Registration[],
): readonly SessionRow[] {
  const rows = new Map<string, Building>();
  for (const row of elections) {
    const { leader, queue } = row.view;
    if (leader !== null) buildingOf(rows, leader.instance).leads.push(standing(row, leader, 0));
    for (const [i, candidate] of queue.entries()) {
      buildingOf(rows, candidate.instance).waits.push(standing(row, candidate, i + 1));
    }
  }
  for (const registration of registrations) {
    buildingOf(rows, registration.instance).registrations.push(registration);
  }
  return [...rows.values()].sort(byWeight);
}

/** One session, its elections by name; nothing where neither an election nor a partition knows it. */
export function sessionRow(
  instance: string,
  elections: Iterable<ElectionRow>,
  registrations: readonly Registration[],
): SessionRow | undefined {
  const own: ElectionRow[] = [];
  for (const row of elections) {
    const { leader, queue } = row.view;
    const isThere = (candidate: Candidate): boolean => candidate.instance === instance;
    if ((leader !== null && isThere(leader)) || queue.some(isThere)) own.push(row);
  }
  own.sort((a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name));
  return sessionRows(own, registrations).find((row) => row.instance === instance);
}

interface Building {
  readonly instance: string;
  readonly leads: Standing[];
  readonly waits: Standing[];
  readonly registrations: Registration[];
}

function buildingOf(rows: Map<string, Building>, instance: string): Building {
  const known = rows.get(instance);
  if (known !== undefined) return known;
  const row: Building = { instance, leads: [], waits: [], registrations: [] };
  rows.set(instance, row);
  return row;
}

function standing(row: ElectionRow, candidate: Candidate, position: number): Standing {
  const { namespace, name, view } = row;
  return { namespace, name, candidate: candidate.id, position, term: view.term };
}

function byWeight(a: SessionRow, b: SessionRow): number {
  const weight = b.leads.length - a.leads.length || b.waits.length - a.waits.length;
  return weight || compare(a.instance, b.instance);
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** By instance, candidate, election or label; capitals do not matter. */
export function matchesSession(row: SessionRow, filter: string): boolean {
  const text = filter.trim().toLowerCase();
  if (text === "" || row.instance.includes(text)) return true;
  const has = (part: string): boolean => part.toLowerCase().includes(text);
  const isStanding = (s: Standing): boolean => has(s.candidate) || has(s.name);
  if (row.leads.some(isStanding) || row.waits.some(isStanding)) return true;
  return row.registrations.some((r) => Object.entries(r.labels).flat().some(has));
}

/** Its candidates' names, each once: what people know a process by. */
export function candidatesOf(row: SessionRow): readonly string[] {
  return [...new Set([...row.leads, ...row.waits].map((s) => s.candidate))];
}

/** The same in one line, however many there are; empty where it stands in no election. */
export function candidatesText(row: SessionRow): string {
  const names = candidatesOf(row);
  const shown = names.slice(0, NAMED_MAX).join(", ");
  return names.length > NAMED_MAX ? `${shown} and ${names.length - NAMED_MAX} more` : shown;
}

const NAMED_MAX = 5;

/** The least that remains on any partition: which one ends first unless it is renewed. */
export function remainingOf(row: SessionRow): number | null {
  if (row.registrations.length === 0) return null;
  return Math.min(...row.registrations.map((registration) => registration.remainingMs));
}
