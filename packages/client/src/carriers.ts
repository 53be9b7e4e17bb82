// SPDX-License-Identifier: Apache-2.0
/**
 * Through which attachments the server may have heard of a session last, by partition: the end of one
 * of them may start the disconnect grace there (semantics A2).
 *
 * The server counts the attachment of the last renewal that it confirmed. Which one that is, is known
 * here only within bounds: what was sent may have arrived or not, early or late. So an attachment is
 * in until everything sent through it has been answered *and* something that was sent later, through
 * another one, is confirmed.
 */

/** An attachment, as far as this file is concerned: something with an identity. */
type Attachment = object;

interface Carrier {
  inFlight: number;
  /** With nothing in flight: the number of the first renewal that was not sent yet by then. */
  quietFrom: bigint;
}

export class Carriers {
  readonly #partitions = new Map<number, Map<Attachment, Carrier>>();

  sent(partition: number, through: Attachment): void {
    this.#carrier(partition, through).inFlight += 1;
  }

  answered(partition: number, through: Attachment, nextNumber: bigint): void {
    const carrier = this.#partitions.get(partition)?.get(through);
    if (carrier === undefined) return;
    carrier.inFlight = Math.max(0, carrier.inFlight - 1);
    carrier.quietFrom = nextNumber;
  }

  /** A command that came through it has registered the session there. */
  registered(partition: number, through: Attachment, nextNumber: bigint): void {
    this.#carrier(partition, through).quietFrom = nextNumber;
  }

  confirmed(partition: number, through: Attachment, number: bigint): void {
    const carriers = this.#partitions.get(partition);
    for (const [other, { inFlight, quietFrom }] of carriers ?? []) {
      if (other !== through && inFlight === 0 && quietFrom <= number) carriers?.delete(other);
    }
  }

  /** It has ended: answers, and forgets, the partitions where it may be the one that counts. */
  ended(attachment: Attachment): number[] {
    const partitions: number[] = [];
    for (const [partition, carriers] of this.#partitions) {
      if (carriers.delete(attachment)) partitions.push(partition);
    }
    return partitions;
  }

  forget(partition: number): void {
    this.#partitions.delete(partition);
  }

  #carrier(partition: number, through: Attachment): Carrier {
    let carriers = this.#partitions.get(partition);
    if (carriers === undefined) {
      carriers = new Map();
      this.#partitions.set(partition, carriers);
    }
    let carrier = carriers.get(through);
    if (carrier === undefined) {
      carrier = { inFlight: 0, quietFrom: 0n };
      carriers.set(through, carrier);
    }
    return carrier;
  }
}
