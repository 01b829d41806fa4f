/** Ties the page of an instance to the live feed: events go into the query cache and nowhere else. */
import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";

import { api, take } from "@/lib/api";
import { LiveFeed, type LiveState } from "@/lib/live";
import { readEvent, type LiveEvent, type LiveProgress } from "@/lib/live-protocol";
import { renewSession } from "@/lib/session";
import type { Instance, LogLine, Step } from "@/lib/types";

import { instanceKey, itemsKey, LIST, logsKey, previewKey, stepsKey } from "./api";
import { patchInstance, patchProgress, patchSteps } from "./live-patch";

/** How many more events one question brings. */
const PAGE = 500;
const LIST_MS = 1_000;
const FETCHED = /^((step|instance)\.(completed|failed|cancelled)|step\.(requeued|retrying))$/;

async function ask(id: string, after: number): Promise<readonly LiveEvent[]> {
  const path = { instance_id: id };
  const { items } = await take(
    api.GET("/api/v1/instances/{instance_id}/events", { params: { path, query: { after, limit: PAGE } } }),
  );
  return items.map(readEvent).filter((event) => event !== null);
}

const feed = new LiveFeed({
  openSocket: () => new WebSocket(`${window.location.origin.replace(/^http/, "ws")}/api/v1/live`),
  openStream: (id, after) => new EventSource(`/api/v1/live/sse?subscribe=instance:${id}&after=${String(after)}`),
  ask,
  renew: renewSession,
});

window.addEventListener("offline", () => feed.goOffline());
window.addEventListener("online", () => feed.goOnline());

export function useLiveState(): LiveState {
  return useSyncExternalStore(feed.watch, () => feed.state);
}

function layEvents(cache: QueryClient, id: string, events: readonly LiveEvent[]): void {
  cache.setQueryData<Instance>(instanceKey(id), (before) => before && events.reduce(patchInstance, before));
  cache.setQueryData<readonly Step[]>(stepsKey(id), (before) => before && events.reduce(patchSteps, before));
  // Events say that a step has outputs or another try, not which: those are fetched, at most twice a second.
  if (events.some((event) => FETCHED.test(event.type))) refresh(cache, id);
}

const due = new Map<string, number>();

function refresh(cache: QueryClient, id: string): void {
  if (due.has(id)) return;
  due.set(
    id,
    window.setTimeout(() => {
      due.delete(id);
      void cache.invalidateQueries({ queryKey: stepsKey(id) });
      void cache.invalidateQueries({ queryKey: itemsKey(id) });
      void cache.invalidateQueries({ queryKey: instanceKey(id) });
    }, 400),
  );
}

function layProgress(cache: QueryClient, id: string, progress: LiveProgress): void {
  cache.setQueryData<readonly Step[]>(stepsKey(id), (before) => before && patchProgress(before, progress));
  if (progress.preview !== null) cache.setQueryData(previewKey(progress.step_id), progress.preview);
  if (progress.logs.length === 0) return;
  cache.setQueryData<readonly LogLine[]>(logsKey(id, progress.step_id), (before) => {
    if (before === undefined) return before; // nobody has opened it; opening asks for all of it
    const last = before.at(-1)?.id ?? 0;
    return [...before, ...progress.logs.filter((line) => line.id > last)];
  });
}

/** Follows an instance while its page is open, until it has ended. */
export function useLiveInstance(id: string, after: number, hasEnded: boolean): void {
  const cache = useQueryClient();
  useEffect(() => {
    if (hasEnded) return;
    return feed.follow(id, after, {
      onEvents: (events) => layEvents(cache, id, events),
      onProgress: (progress) => layProgress(cache, id, progress),
    });
    // `after` is only where to begin: the feed itself knows how far it has come.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [cache, id, hasEnded]);
}

/** Keeps a list of instances fresh: whenever one moves it is asked for again, at most once a second. */
export function useLiveList(): void {
  const cache = useQueryClient();
  useEffect(() => {
    let timer: number | null = null;
    const leave = feed.overhear(() => {
      timer ??= window.setTimeout(() => {
        timer = null;
        void cache.invalidateQueries({ queryKey: LIST });
      }, LIST_MS);
    });
    return () => {
      leave();
      if (timer !== null) window.clearTimeout(timer);
    };
  }, [cache]);
}
