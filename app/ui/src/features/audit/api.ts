/** The audit of the organization, page by page. */
import { infiniteQueryOptions } from "@tanstack/react-query";

import { api, take } from "@/lib/api";
import { PAGED } from "@/lib/paging";

export const auditQuery = infiniteQueryOptions({
  queryKey: ["audit"],
  queryFn: ({ signal, pageParam }) =>
    take(api.GET("/api/v1/audit", { params: { query: { limit: 100, cursor: pageParam } }, signal })),
  ...PAGED,
});
