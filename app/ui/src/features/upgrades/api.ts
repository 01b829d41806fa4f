/** The versions of the box. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, take } from "@/lib/api";
import type { components } from "@/lib/api.gen";

export type Upgrades = components["schemas"]["UpgradesView"];
export type Seen = components["schemas"]["SeenView"];
export type Rehearsal = components["schemas"]["Rehearsal"];

const ASKED_MS = 1_500;
const QUIET_MS = 15_000;

export const upgradesQuery = queryOptions({
  queryKey: ["infrastructure", "upgrades"],
  queryFn: ({ signal }) => take(api.GET("/api/v1/infrastructure/upgrades", { signal })),
  refetchInterval: ({ state: { data } }) => (data?.is_asked ? ASKED_MS : QUIET_MS),
});

export function useMarkHealthy() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => take(api.POST("/api/v1/infrastructure/upgrades/healthy")),
    onSettled: () => cache.invalidateQueries({ queryKey: upgradesQuery.queryKey }),
  });
}
