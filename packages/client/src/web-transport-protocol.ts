// SPDX-License-Identifier: Apache-2.0
/** What tells one protocol over fetch from the other. A list of differences and nothing else. */

import type { FrameError } from "@conclave/api";

export interface WebProtocol {
  /** The content type of a call, and of its answer. */
  contentType(isStream: boolean): string;
  readonly headers: Readonly<Record<string, string>>;
  isEnveloped(isStream: boolean): boolean;
  /** The flag of the envelope that ends an answer and says how. */
  readonly endFlag: number;
  /** The refusal in that envelope; undefined: it went well. */
  end(message: Uint8Array): FrameError | undefined;
  /** The refusal that an answer without any envelope is; undefined: it is none of this protocol. */
  refusal(response: Response): Promise<FrameError | undefined>;
}
