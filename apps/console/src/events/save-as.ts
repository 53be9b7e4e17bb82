// SPDX-License-Identifier: Apache-2.0
/** Gives the person at the page a file. Nothing leaves the browser. */

/** The download has begun by then, in every browser. */
const REVOKED_AFTER_MS = 10_000;

export function saveAs(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), REVOKED_AFTER_MS);
}
