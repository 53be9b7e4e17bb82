// SPDX-License-Identifier: Apache-2.0
/**
 * Lets a string field that is not UTF-8 be refused like any other bad field, by its name.
 *
 * Protobuf's decoder would throw in the midst of a message, and Connect would answer `internal`
 * without saying where. It changes the decoder of the whole process, so only a process that is
 * nothing but a server may call it.
 */

import { configureTextEncoding, getTextEncoding } from "@bufbuild/protobuf/wire";

/** Half of a surrogate pair: no text may hold it, and every check of a field refuses it. */
const BAD_TEXT_MARK = "\udfff";

/** To be called once, before the first request. */
export function markBadText(): void {
  const standard = getTextEncoding();
  configureTextEncoding({
    ...standard,
    decodeUtf8(bytes, strict) {
      try {
        return standard.decodeUtf8(bytes, strict);
      } catch {
        return standard.decodeUtf8(bytes, false) + BAD_TEXT_MARK;
      }
    },
  });
}
