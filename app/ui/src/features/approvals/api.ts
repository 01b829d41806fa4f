/** What waits for people, as the server lists it and as the house counts it. */
import { infiniteQueryOptions, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { api, take } from "@/lib/api";
import { overhearCalmly } from "@/lib/feed";
import { itemsOf, PAGED } from "@/lib/paging";

const QUESTIONS: readonly string[] = ["approvals"];
const PAUSE_MS = 1_000;
/** Where no live connection gets through, and for deadlines that pass in silence. */
const LOOK_AGAIN_MS = 30_000;

export const approvalsQuery = infiniteQueryOptions({
  queryKey: [...QUESTIONS, "list"],
  queryFn: ({ signal, pageParam }) =>
    take(api.GET("/api/v1/approvals", { params: { query: { limit: 100, cursor: pageParam } }, signal })),
  ...PAGED,
  refetchInterval: LOOK_AGAIN_MS,
});

/** How much waits for whoever is signed in; it changes by itself. */
export function useOpenCount(): number {
  const cache = useQueryClient();
  useEffect(() => overhearCalmly(() => void cache.invalidateQueries({ queryKey: QUESTIONS }), PAUSE_MS), [cache]);
  const list = useInfiniteQuery(approvalsQuery);
  return itemsOf(list.data)?.filter((question) => question.may_answer).length ?? 0;
}
