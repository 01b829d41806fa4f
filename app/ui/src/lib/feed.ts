/** The one live feed of this page, over the API; whoever shows something live follows or overhears it. */
import { api, take } from "@/lib/api";
import { LiveFeed } from "@/lib/live";
import { readEvent, type LiveEvent } from "@/lib/live-protocol";
import { renewSession } from "@/lib/session";

/** How many more events one question brings. */
const PAGE = 500;

async function ask(id: string, after: number): Promise<readonly LiveEvent[]> {
  const path = { instance_id: id };
  const { items } = await take(
    api.GET("/api/v1/instances/{instance_id}/events", { params: { path, query: { after, limit: PAGE } } }),
  );
  return items.map(readEvent).filter((event) => event !== null);
}

export const feed = new LiveFeed({
  openSocket: () => new WebSocket(`${window.location.origin.replace(/^http/, "ws")}/api/v1/live`),
  openStream: (id, after) => new EventSource(`/api/v1/live/sse?subscribe=instance:${id}&after=${String(after)}`),
  ask,
  renew: renewSession,
});

/** Calls back when some instance has moved, at most once in this time; returns how to stop. */
export function overhearCalmly(listener: () => void, pause_ms: number): () => void {
  let timer: number | null = null;
  const leave = feed.overhear(() => {
    timer ??= window.setTimeout(() => {
      timer = null;
      listener();
    }, pause_ms);
  });
  return () => {
    leave();
    if (timer !== null) window.clearTimeout(timer);
  };
}
