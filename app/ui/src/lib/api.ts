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
