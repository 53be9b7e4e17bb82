// SPDX-License-Identifier: Apache-2.0
/**
 * A term of office in its holder's hand: the `Leadership` of the public surface.
 *
 * It never asks whether a timer has run: each question about it compares clocks (semantics A2). Once
 * it is over it is over, whatever is heard later; one object is one (session epoch, term).
 */

import { checkMetadata } from "./campaign-options.ts";
import { createDeferred, type Deferred } from "./deferred.ts";
import { ElectionError } from "./error.ts";
import type { Fence, Leadership } from "./leadership.ts";

/** What an office rests on, asked anew each time. */
export interface OfficeGround {
  remainingMs(): number;
  /** The same by the monotonic clock alone: for waiting, not for believing. */
  patienceMs(): number;
  /** False while a change of office is known to have happened that has not been heard of. */
  isConfirmed(): boolean;
  /** Belief has been found to have run out. */
  expired(): void;
  update(metadata: Readonly<Record<string, string>>): Promise<void>;
  resign(office: HeldOffice): Promise<void>;
}

export class HeldOffice implements Leadership {
  readonly fence: Fence;
  readonly #ground: OfficeGround;
  #reason: Reason | undefined;
  #isOver = false;
  // Most offices are held and resigned without anybody who listens.
  #controller: AbortController | undefined;
  #over: Deferred<void> | undefined;

  constructor(election: string, term: bigint, ground: OfficeGround) {
    this.fence = { election, term, toString: () => `${election}#${term}` };
    this.#ground = ground;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason());
    }
    return this.#controller.signal;
  }

  /** Whether its work has been told to stop. */
  get wasTold(): boolean {
    return this.#reason !== undefined;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Why it is over; nothing while it is held, be it with a resignation under way. */
  get end(): ElectionError | undefined {
    return this.#isOver ? this.#reason?.() : undefined;
  }

  /** Resolves when it is over. Without the reason: to make that is dear, and seldom asked for. */
  get over(): Promise<void> {
    this.#over ??= createDeferred<void>();
    if (this.#isOver) this.#over.resolve();
    return this.#over.promise;
  }

  get remainingMs(): number {
    if (this.#isOver || !this.#ground.isConfirmed()) return 0;
    return Math.max(0, this.#ground.remainingMs());
  }

  /**
   * For how long it is worth waiting until the candidate is out: as long as its session holds it in.
   * That may be longer than the office, which an operator can have given to somebody else.
   */
  get patienceMs(): number {
    return this.#ground.patienceMs();
  }

  assertHeld(marginMs = 0): Fence {
    if (!this.#isOver && this.#ground.remainingMs() <= 0) this.#ground.expired();
    if (this.end !== undefined) throw this.end;
    if (!this.#ground.isConfirmed()) {
      throw suspended(`${this.fence} awaits the server's confirmation`);
    }
    const remainingMs = this.#ground.remainingMs();
    if (remainingMs <= marginMs) {
      throw suspended(`${this.fence} is safe for ${remainingMs} ms more, not for ${marginMs} ms`);
    }
    return this.fence;
  }

  async update(metadata: Readonly<Record<string, string>>): Promise<void> {
    if (this.end !== undefined) throw this.end;
    checkMetadata(metadata);
    await this.#ground.update(metadata);
  }

  async resign(): Promise<void> {
    if (!this.#isOver) await this.#ground.resign(this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.resign();
  }

  /** Tells the work to stop, while the office is still held. */
  abort(reason: () => ElectionError): void {
    if (this.#reason !== undefined) return;
    this.#reason = once(reason);
    this.#controller?.abort(this.#reason());
  }

  /** It is over, and nothing brings it back. What the work was told before is why. */
  finish(reason: () => ElectionError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.abort(reason);
    this.#over?.resolve();
  }
}

/** An error costs more than a resignation is worth: it is made when somebody asks for it. */
type Reason = () => ElectionError;

function once(make: Reason): Reason {
  let made: ElectionError | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function suspended(message: string): ElectionError {
  return new ElectionError("SUSPENDED", message, { retryable: true, outcome: "not-applied" });
}
