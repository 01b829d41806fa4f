/** Calls to Studio's own API: JSON both ways, refusals thrown as problems, the session renewed when it must be. */
import { problemFrom } from "@/lib/problem";
import { sessionFetch } from "@/lib/session";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

type Options = {
  query?: Record<string, string | number | boolean | null | undefined>;
  body?: unknown;
  /** Makes a repeat of the same unsafe call harmless (`Idempotency-Key`). */
  key?: string;
  signal?: AbortSignal;
};

function address(path: string, query: Options["query"]): URL {
  const url = new URL(`/api/v1${path}`, window.location.origin);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== null && value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}

/** Raises a Problem for every refusal. The type is the caller's word for what the API promises. */
export async function call<T>(method: Method, path: string, options: Options = {}): Promise<T> {
  const headers = new Headers({ Accept: "application/json, application/problem+json" });
  if (options.body !== undefined) headers.set("Content-Type", "application/json");
  if (options.key !== undefined) headers.set("Idempotency-Key", options.key);
  const request = new Request(address(path, options.query), {
    method,
    headers,
    body: options.body === undefined ? undefined : JSON.stringify(options.body),
    signal: options.signal,
  });
  const answer = await sessionFetch(request);
  const body = await answer.text();
  if (!answer.ok) throw problemFrom(answer.status, body, answer.headers.get("Retry-After"));
  return (body === "" ? undefined : JSON.parse(body)) as T;
}
