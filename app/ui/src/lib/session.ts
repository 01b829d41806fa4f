/**
 * Keeps a signed-in page signed in. The access cookie lives for minutes; when a call answers 401 the
 * session is renewed once, for all calls that wait, and the call is made again.
 */

const signedOut = new Set<() => void>();

/** Tells when the session has ended for good; returns how to stop listening. */
export function onSignedOut(listener: () => void): () => void {
  signedOut.add(listener);
  return () => signedOut.delete(listener);
}

async function renew(): Promise<boolean> {
  // Another tab may have renewed while this one waited: a refresh token shown twice ends the session.
  const me = await fetch("/api/v1/auth/me", { headers: { Accept: "application/json" } });
  if (me.ok) return true;
  const answer = await fetch("/api/v1/auth/refresh", { method: "POST" });
  return answer.ok;
}

/** Web Locks exist on secure addresses only; without them two tabs rarely meet in the same second. */
async function alone(work: () => Promise<boolean>): Promise<boolean> {
  if (!("locks" in navigator)) return work();
  return navigator.locks.request("studio.session", work);
}

let renewing: Promise<boolean> | null = null;

/** Renews the session; false means: sign in again. Calls made meanwhile share one renewal. */
export function renewSession(): Promise<boolean> {
  renewing ??= alone(renew).finally(() => {
    renewing = null;
  });
  return renewing;
}

/** `fetch` that renews the session once and ends the visit when that fails. */
export async function sessionFetch(request: Request): Promise<Response> {
  const again = request.clone();
  const answer = await fetch(request);
  if (answer.status !== 401 || new URL(request.url).pathname.startsWith("/api/v1/auth/")) return answer;
  if (await renewSession()) return fetch(again);
  for (const listener of signedOut) listener();
  return answer;
}
