// SPDX-License-Identifier: Apache-2.0
/** The names of the memory disk: what is seen now, and what a crash would leave of it. */

import type { CrashFate, MemoryInode } from "./memory-inode.ts";

type Names = Map<string, MemoryInode>;
type NameChange = (names: Names) => void;

export class MemoryDirectory {
  readonly #seen: Names;
  #durable: Names;
  /** In their order, as a journalling file system keeps it: a crash keeps the first few. */
  #pending: NameChange[] = [];

  constructor(names: Names = new Map()) {
    this.#seen = new Map(names);
    this.#durable = new Map(names);
  }

  get(name: string): MemoryInode | undefined {
    return this.#seen.get(name);
  }

  entries(): Iterable<[string, MemoryInode]> {
    return this.#seen.entries();
  }

  create(name: string, inode: MemoryInode): void {
    this.#change((names) => names.set(name, inode));
  }

  rename(from: string, to: string): void {
    const inode = this.#seen.get(from);
    if (inode === undefined) return;
    this.#change((names) => {
      names.delete(from);
      names.set(to, inode);
    });
  }

  remove(name: string): void {
    this.#change((names) => names.delete(name));
  }

  sync(): void {
    this.#durable = new Map(this.#seen);
    this.#pending = [];
  }

  afterCrash(fate: CrashFate): MemoryDirectory {
    const names = new Map(this.#durable);
    const total = this.#pending.length;
    let kept = fate.kind === "keep-all" ? total : 0;
    if (fate.kind === "random") kept = fate.prng.below(total + 1);
    for (const change of this.#pending.slice(0, kept)) change(names);
    const left: Names = new Map();
    for (const [name, inode] of names) left.set(name, inode.afterCrash(fate));
    return new MemoryDirectory(left);
  }

  #change(change: NameChange): void {
    change(this.#seen);
    this.#pending.push(change);
  }
}
