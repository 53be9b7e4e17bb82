// SPDX-License-Identifier: Apache-2.0
/**
 * The numbers of one session's commands, and up to which of them a partition may forget its answers
 * (semantics A3).
 *
 * A number is unique in the session. What is acknowledged is counted for each partition alone: a
 * command that waits for a partition without a leader must not keep the answers of all the others.
 * A partition keeps 1,024 answers. It is never given so many numbers that the lowest of them, asked
 * for again last, would find no room: that one alone could make room.
 */

/** Below the server's 1,024. */
const OPEN_SPAN_MAX = 1_000;

interface Numbering {
  /** Not answered yet, in the order of issue; with how many had been issued there before. */
  readonly open: Map<bigint, number>;
  /** What waits for a number. */
  waiting: ((number: bigint) => void)[];
  issued: number;
}

export class CommandNumbers {
  #last = 0n;
  readonly #partitions = new Map<number, Numbering>();

  /** Gives `begin` its number: at once, or when enough of the partition's commands are answered. */
  issue(partition: number, begin: (number: bigint) => void): void {
    let numbering = this.#partitions.get(partition);
    if (numbering === undefined) {
      numbering = { open: new Map(), waiting: [], issued: 0 };
      this.#partitions.set(partition, numbering);
    }
    numbering.waiting.push(begin);
    this.#issueAll(numbering);
  }

  answered(partition: number, number: bigint): void {
    const numbering = this.#partitions.get(partition);
    numbering?.open.delete(number);
    if (numbering !== undefined) this.#issueAll(numbering);
  }

  /** Every number up to here that the partition was given has been answered. */
  acknowledged(partition: number): bigint {
    for (const lowest of this.#partitions.get(partition)?.open.keys() ?? []) return lowest - 1n;
    return this.#last;
  }

  /** Nothing more is asked of the partition: what waits never begins. */
  end(partition: number): void {
    const numbering = this.#partitions.get(partition);
    if (numbering !== undefined) numbering.waiting = [];
  }

  #issueAll(numbering: Numbering): void {
    while (numbering.waiting.length > 0 && hasRoom(numbering)) {
      this.#last += 1n;
      numbering.open.set(this.#last, numbering.issued);
      numbering.issued += 1;
      numbering.waiting.shift()?.(this.#last);
    }
  }
}

function hasRoom({ open, issued }: Numbering): boolean {
  for (const lowest of open.values()) return issued - lowest < OPEN_SPAN_MAX;
  return true;
}
