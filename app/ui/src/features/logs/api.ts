/** The lines of the box's programs, newest first; the newest page is asked again while it is looked at. */
import { infiniteQueryOptions } from "@tanstack/react-query";

import { api, take } from "@/lib/api";
import type { paths } from "@/lib/api.gen";
import { PAGED } from "@/lib/paging";

const AGAIN_MS = 4_000;

export type Filters = Pick<
  NonNullable<paths["/api/v1/infrastructure/logs"]["get"]["parameters"]["query"]>,
  "program" | "level" | "instance" | "grep"
>;

export const linesQuery = (filters: Filters, isLive: boolean) =>
  infiniteQueryOptions({
    queryKey: ["infrastructure", "logs", filters],
    queryFn: ({ signal, pageParam }) =>
      take(
        api.GET("/api/v1/infrastructure/logs", {
          params: { query: { ...filters, limit: 200, cursor: pageParam } },
          signal,
        }),
      ),
    ...PAGED,
    refetchInterval: isLive ? AGAIN_MS : false,
  });
