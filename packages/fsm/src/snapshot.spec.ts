// SPDX-License-Identifier: Apache-2.0
/** Snapshots: whole, equal for equal states, refused when damaged or of another version. */
import { expect, test } from "vitest";
import { apply } from "./apply.ts";
import { assertPartitionValid } from "./invariants.ts";
import { createPartition, type PartitionState } from "./partition.ts";
import { type Restored, restore } from "./snapshot-decoder.ts";
import { snapshot, stateHash } from "./snapshot-encoder.ts";
import { createDriver, enter, key, open, show } from "./spec/driver.ts";
import { GOLDEN_SNAPSHOT } from "./spec/golden-snapshot.ts";
import { createRichPartition, EVERY_COMMAND } from "./spec/rich-partition.ts";

const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const unhex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

function reload(state: PartitionState): PartitionState {
  const restored = restore(snapshot(state));
  if (restored.kind !== "restored") throw new Error(restored.detail);
  return restored.state;
}

function refusal(restored: Restored): string {
  return restored.kind === "refused" ? restored.reason : restored.kind;
}

test("the format does not change silently: the golden bytes are written, and read", () => {
  const chunks = [...snapshot(createRichPartition())].map(hex);
  expect(chunks).toEqual(GOLDEN_SNAPSHOT);

  const restored = restore(GOLDEN_SNAPSHOT.map(unhex));

  expect(restored.kind).toBe("restored");
  if (restored.kind === "restored") {
    expect(stateHash(restored.state)).toBe(stateHash(createRichPartition()));
  }
});

test("some of everything is restored as it was, and goes on in the same way", () => {
  const state = createRichPartition();
  const copy = reload(state);
  assertPartitionValid(copy);
  expect(stateHash(copy)).toBe(stateHash(state));

  for (const command of EVERY_COMMAND) {
    const entry = { timeMs: 1_800_000_000_000, commands: [command] };
    expect(apply(copy, entry)).toEqual(apply(state, entry));
    expect(stateHash(copy)).toBe(stateHash(state));
  }
});

test("a cut of the log at any command makes no difference", () => {
  for (let cut = 0; cut <= EVERY_COMMAND.length; cut++) {
    let state = createPartition();
    for (const [i, command] of EVERY_COMMAND.entries()) {
      if (i === cut) state = reload(state);
      apply(state, { timeMs: 1_700_000_000_000 + i, commands: [command] });
    }
    expect(stateHash(state)).toBe(stateHash(createRichPartition()));
  }
});

test("an empty partition has a snapshot too", () => {
  expect(stateHash(reload(createPartition()))).toBe(stateHash(createPartition()));
});

test("a state that differs in anything has another hash", () => {
  const one = createRichPartition();
  const hashes = new Set([stateHash(one)]);
  const changes: ((state: PartitionState) => void)[] = [
    (s) => {
      s.revision += 1n;
    },
    (s) => {
      s.index += 1n;
    },
    (s) => {
      s.timeMs += 1;
    },
    (s) => {
      s.level += 1;
    },
    (s) => {
      s.termFloor += 1n;
    },
    (s) => {
      s.endedSessions.add(1n << 63n);
    },
    (s) => {
      s.tombstones.clear();
    },
    (s) => {
      s.requestReplies.clear();
    },
    (s) => {
      [...s.sessions.values()][0]!.officeRevision += 1n;
    },
    (s) => {
      [...s.sessions.values()][0]!.answers.replies.clear();
    },
    (s) => {
      [...s.elections.values()][0]!.term += 1n;
    },
    (s) => {
      s.members = s.members.map((member) => ({ ...member, incarnation: 9 }));
    },
    (s) => {
      s.invited = [];
    },
  ];
  for (const change of changes) {
    const other = createRichPartition();
    change(other);
    hashes.add(stateHash(other));
  }
  expect(hashes.size).toBe(changes.length + 1);
});

test("a snapshot of another version is refused by name", () => {
  const chunks = [...snapshot(createRichPartition())];
  chunks[0]![1] = 2;
  expect(refusal(restore(chunks))).toBe("unknown_version");
});

test("a snapshot that lost its end, its beginning or a chunk is damaged", () => {
  const driver = createDriver();
  driver.run(open(1n));
  for (let i = 0; i < 60; i++) {
    const metadata = new Map([["k", "x".repeat(4_000)]]);
    const commands = [...Array(3).keys()].map((n) =>
      enter(`c${n}`, 1n, { key: key(`e${i}`), metadata }),
    );
    driver.run(...commands);
  }
  const chunks = [...snapshot(driver.state)];
  expect(chunks.length).toBeGreaterThan(3);
  expect(refusal(restore(chunks))).toBe("restored");
  for (let i = 0; i < chunks.length; i++) {
    expect(refusal(restore(chunks.toSpliced(i, 1)))).toBe("damaged");
  }
  expect(refusal(restore([]))).toBe("damaged");
  expect(refusal(restore([...chunks, chunks[0]!]))).toBe("damaged");
  expect(refusal(restore(chunks.toSpliced(1, 2, chunks[2]!, chunks[1]!)))).toBe("damaged");
});

test("what stands beside the end of a snapshot, where no hash covers it, is damage", () => {
  const [whole, end] = [...snapshot(createRichPartition())];
  expect(refusal(restore([whole!, Uint8Array.of(...end!, 0x32, 8, 99, 0, 0, 0, 0, 0, 0, 0)]))).toBe(
    "damaged",
  );
  expect(refusal(restore([whole!, Uint8Array.of(...end!, 0x12, 0)]))).toBe("damaged");
});

test("a bit that flips anywhere in a snapshot is found", () => {
  const chunks = [...snapshot(createRichPartition())];
  for (const [i, chunk] of chunks.entries()) {
    for (let at = 0; at < chunk.length; at++) {
      const flipped = chunk.slice();
      flipped[at]! ^= 1 << (at % 8);
      expect(restore(chunks.with(i, flipped)).kind).toBe("refused");
    }
  }
});

test("a candidate of a session that is not there is damage, not an immortal candidate", () => {
  const state = createRichPartition();
  state.sessions.delete([...state.sessions.keys()][0]!);
  expect(refusal(restore(snapshot(state)))).toBe("damaged");
});

test("a long queue is restored in its order", () => {
  const driver = createDriver();
  driver.run(open(1n));
  driver.run(...Array.from({ length: 100 }, (_, i) => enter(`c${(i * 37) % 100}`, 1n)));
  expect(show(reload(driver.state))).toBe(show(driver.state));
});
