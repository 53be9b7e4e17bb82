// SPDX-License-Identifier: Apache-2.0
/**
 * What the address bar says, as a value and back. Everything that a person would want to send to a
 * colleague is in it: the screen, what it shows, and its filters.
 */

/** The filters of a screen, by name; a screen knows its own and ignores others. */
export type Query = Readonly<Record<string, string>>;

export type Route =
  | { readonly screen: "elections"; readonly query: Query }
  | {
      readonly screen: "election";
      readonly namespace: string;
      readonly name: string;
      readonly query: Query;
    }
  | { readonly screen: "sessions"; readonly query: Query }
  | { readonly screen: "session"; readonly instance: string; readonly query: Query }
  | { readonly screen: "events"; readonly query: Query }
  | { readonly screen: "cluster"; readonly query: Query }
  /** An address that means nothing here. */
  | { readonly screen: "unknown"; readonly query: Query };

/** @param hash of a location, with or without its `#` */
export function parseRoute(hash: string): Route {
  const [path = "", search = ""] = splitOnce(hash.replace(/^#/, ""), "?");
  const query: Query = Object.fromEntries(new URLSearchParams(search));
  const segments = path.split("/").filter((segment) => segment !== "");
  const parts = segments.map(decode);
  const [screen, first, second] = parts;
  if (parts.includes(undefined)) return { screen: "unknown", query };
  if (parts.length === 0) return { screen: "elections", query };
  if (parts.length === 1) {
    switch (screen) {
      case "elections":
      case "sessions":
      case "events":
      case "cluster":
        return { screen, query };
      default:
        return { screen: "unknown", query };
    }
  }
  if (screen === "sessions" && parts.length === 2 && first !== undefined) {
    return { screen: "session", instance: first, query };
  }
  const isElection = screen === "elections" && parts.length === 3;
  if (!isElection || first === undefined || second === undefined) {
    return { screen: "unknown", query };
  }
  return { screen: "election", namespace: first, name: second, query };
}

/** The address of a route, for `href` and `App.navigate`. */
export function hashOf(route: Route): string {
  return `#/${pathOf(route)}${searchOf(route.query)}`;
}

/** The address of one election. */
export function electionHash(namespace: string, name: string): string {
  return hashOf({ screen: "election", namespace, name, query: {} });
}

/** The address of one session, by the instance that candidates of it carry. */
export function sessionHash(instance: string): string {
  return hashOf({ screen: "session", instance, query: {} });
}

/** The same route with some of its query replaced; an empty value takes the key away. */
export function withQuery<R extends Route>(route: R, changes: Query): R {
  const query = Object.entries({ ...route.query, ...changes }).filter(([, value]) => value !== "");
  return { ...route, query: Object.fromEntries(query) };
}

function pathOf(route: Route): string {
  switch (route.screen) {
    case "election":
      return `elections/${encodeURIComponent(route.namespace)}/${encodeURIComponent(route.name)}`;
    case "session":
      return `sessions/${encodeURIComponent(route.instance)}`;
    case "unknown":
      return "";
    default:
      return route.screen;
  }
}

function searchOf(query: Query): string {
  const search = new URLSearchParams(query).toString();
  return search === "" ? "" : `?${search}`;
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** Nothing for what is no percent-encoding of UTF-8. */
function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
