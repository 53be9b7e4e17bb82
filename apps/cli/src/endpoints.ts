// SPDX-License-Identifier: Apache-2.0
/**
 * Where the cluster is: the flag, else the environment, else the file that `conclave dev` leaves in
 * the working directory, else this machine's default port. Touches no disk: what was found comes in.
 */

/** Where a server listens unless told otherwise. */
const DEFAULT_ENDPOINT = "http://127.0.0.1:7400";

/** Where `conclave dev` writes the addresses of its servers, relative to the working directory. */
export const ENDPOINTS_FILE = ".conclave/endpoints";

export interface EndpointSources {
  /** The value of `--endpoint`. */
  readonly flag: string | undefined;
  /** The value of `CONCLAVE_ENDPOINTS`. */
  readonly environment: string | undefined;
  /** The text of `.conclave/endpoints` in the working directory. */
  readonly file: string | undefined;
}

export type Endpoints =
  | { readonly kind: "endpoints"; readonly urls: readonly string[]; readonly source: string }
  | { readonly kind: "malformed"; readonly source: string; readonly problem: string };

/** Takes the first source that says anything and checks each URL in it. */
export function chooseEndpoints(sources: EndpointSources): Endpoints {
  if (isSaid(sources.flag)) return readList("--endpoint", sources.flag);
  if (isSaid(sources.environment)) return readList("CONCLAVE_ENDPOINTS", sources.environment);
  if (isSaid(sources.file)) return readList(ENDPOINTS_FILE, sources.file);
  return { kind: "endpoints", urls: [DEFAULT_ENDPOINT], source: "the default" };
}

/** An empty variable is how a shell unsets one for a single command. */
function isSaid(text: string | undefined): text is string {
  return text !== undefined && text.trim() !== "";
}

function readList(source: string, text: string): Endpoints {
  const urls: string[] = [];
  for (const part of text.split(/[\s,]+/).filter((piece) => piece !== "")) {
    const url = URL.canParse(part) ? new URL(part) : undefined;
    if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
      const problem = `"${part}" is no URL like ${DEFAULT_ENDPOINT}`;
      return { kind: "malformed", source, problem };
    }
    if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
      return { kind: "malformed", source, problem: `"${part}" has a path; give the origin only` };
    }
    urls.push(url.origin);
  }
  return { kind: "endpoints", urls, source };
}
