// SPDX-License-Identifier: Apache-2.0
/** Text as bytes: how long a string is in UTF-8, and whether it may stand in a name. */

/** The length in bytes of UTF-8, or -1 if the string holds half a surrogate pair. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (unit < 0xd800 || unit > 0xdfff) bytes += 3;
    else {
      const low = text.charCodeAt(i + 1);
      if (unit > 0xdbff || !(low >= 0xdc00 && low <= 0xdfff)) return -1;
      bytes += 4;
      i += 1;
    }
  }
  return bytes;
}

/** Whether it is 1 to `bytesMax` bytes of UTF-8 without control characters (C0, DEL, C1). */
export function isName(text: string, bytesMax: number): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || (unit >= 0x7f && unit <= 0x9f)) return false;
  }
  const bytes = utf8Length(text);
  return bytes >= 1 && bytes <= bytesMax;
}

/** Whether it is at most `bytesMax` bytes of UTF-8, of any characters. */
export function isText(text: string, bytesMax: number): boolean {
  const bytes = utf8Length(text);
  return bytes >= 0 && bytes <= bytesMax;
}
