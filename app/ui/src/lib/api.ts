/** Calls to Studio's own API, typed by its routes: refusals are thrown as problems, the session renewed when it must be. */
import createClient from "openapi-fetch";

import type { paths } from "@/lib/api.gen";
import { problemFrom } from "@/lib/problem";
import { sessionFetch } from "@/lib/session";

/** Raises a Problem for every answer that is no success. */
async function judged(request: Request): Promise<Response> {
  const answer = await sessionFetch(request);
  if (answer.ok) return answer;
  throw problemFrom(answer.status, await answer.text(), answer.headers.get("Retry-After"));
}

export const api = createClient<paths>({ baseUrl: window.location.origin, fetch: judged });

/** What a call gives. Refusals have been thrown, so there always is something where the API promises it. */
export async function take<T>(call: Promise<{ data?: T }>): Promise<T> {
  return (await call).data as T;
}

type CallOptions = { query?: Record<string, string | number | null | undefined>; body?: unknown; key?: string; signal?: AbortSignal };

export async function call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
  const url = new URL(`/api/v1${path}`, window.location.origin);
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value !== null && value !== undefined) url.searchParams.set(name, String(value));
  }
  const headers = new Headers({ "Content-Type": "application/json" });
  if (options.key !== undefined) headers.set("Idempotency-Key", options.key);
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  const answer = await judged(new Request(url, { method, headers, body, signal: options.signal }));
  return (await answer.json()) as T;
}
