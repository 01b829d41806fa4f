/** The box as its super admin sees it. It moves by itself, so it is asked again every few seconds. */
import { queryOptions } from "@tanstack/react-query";

import { api, take } from "@/lib/api";

const AGAIN_MS = 4_000;

export const healthQuery = queryOptions({
  queryKey: ["infrastructure", "health"],
  queryFn: ({ signal }) => take(api.GET("/api/v1/infrastructure/health/full", { signal })),
  refetchInterval: AGAIN_MS,
});

export const workersQuery = queryOptions({
  queryKey: ["infrastructure", "workers"],
  queryFn: ({ signal }) => take(api.GET("/api/v1/workers", { signal })),
  refetchInterval: AGAIN_MS,
});
