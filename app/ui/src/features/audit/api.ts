/** The audit of the organization, page by page. */
import { infiniteQueryOptions } from "@tanstack/react-query";

import { api, take } from "@/lib/api";

export const auditQuery = infiniteQueryOptions({
  queryKey: ["audit"],
  queryFn: ({ signal, pageParam }) =>
    take(api.GET("/api/v1/audit", { params: { query: { limit: 100, cursor: pageParam } }, signal })),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
});
