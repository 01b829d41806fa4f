/** Ties the page of an instance to the live feed: events go into the query cache and nowhere else. */
import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";

import { feed, overhearCalmly } from "@/lib/feed";
import type { LiveState } from "@/lib/live";
import type { LiveEvent, LiveProgress } from "@/lib/live-protocol";
import type { Instance, LogLine, Step } from "@/lib/types";

import { instanceKey, itemsKey, LIST, logsKey, previewKey, QUESTIONS, stepsKey } from "./api";
import { patchInstance, patchProgress, patchSteps } from "./live-patch";

const LIST_MS = 1_000;
const FETCHED =
  /^((step|instance)\.(completed|failed|cancelled|waiting)|instance\.(paused|resumed)|step\.(answered|requeued|retrying))$/;

export function useLiveState(): LiveState {
  return useSyncExternalStore(feed.watch, () => feed.state);
}

function layEvents(cache: QueryClient, id: string, events: readonly LiveEvent[]): void {
  cache.setQueryData<Instance>(instanceKey(id), (before) => before && events.reduce(patchInstance, before));
  cache.setQueryData<readonly Step[]>(stepsKey(id), (before) => before && events.reduce(patchSteps, before));
  // Events say that a step has outputs, asks something or is tried again, not what: that is fetched, at most
  // twice a second.
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
      void cache.invalidateQueries({ queryKey: QUESTIONS });
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
    return overhearCalmly(() => void cache.invalidateQueries({ queryKey: LIST }), LIST_MS);
  }, [cache]);
}
