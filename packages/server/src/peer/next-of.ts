// SPDX-License-Identifier: Apache-2.0
/**
 * Reads a stream of frames one by one.
 *
 * Not `for await`, in whose `try` what we do with a frame would stand too: a broken rule of ours must
 * not pass for a broken connection.
 */

/** The next frame; undefined at the end, however it came, of which `failed` hears what the platform says. */
export async function nextOf<Frame>(
  iterator: AsyncIterator<Frame>,
  failed: (detail: string) => void = () => {},
): Promise<Frame | undefined> {
  try {
    const { value, done } = await iterator.next();
    return done === true ? undefined : value;
  } catch (error) {
    failed(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}
