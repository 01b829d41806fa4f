/** The box as its super admin sees it. It moves by itself, so it is asked again every few seconds. */
import { queryOptions } from "@tanstack/react-query";

import { call } from "@/lib/api";
import type { Health, List, Worker } from "@/lib/types";

export const healthQuery = queryOptions({
  queryKey: ["infrastructure", "health"],
  queryFn: ({ signal }) => call<Health>("GET", "/infrastructure/health/full", { signal }),
  refetchInterval: 5_000,
});

export const workersQuery = queryOptions({
  queryKey: ["infrastructure", "workers"],
  queryFn: ({ signal }) => call<List<Worker>>("GET", "/workers", { signal }),
  refetchInterval: 5_000,
});
