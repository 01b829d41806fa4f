/** Maintenance that was announced, and the lanes that hand out steps. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, take } from "@/lib/api";
import type { components } from "@/lib/api.gen";

export type Maintenance = components["schemas"]["Maintenance"];
export type LaneWork = components["schemas"]["LaneWork"];

const LOOK_AGAIN_MS = 15_000;
const LANES_AGAIN_MS = 3_000;

export const maintenanceQuery = queryOptions({
  queryKey: ["maintenance"],
  queryFn: ({ signal }) => take(api.GET("/api/v1/maintenance", { signal })),
  refetchInterval: LOOK_AGAIN_MS,
});

export const lanesQuery = queryOptions({
  queryKey: ["infrastructure", "lanes"],
  queryFn: ({ signal }) => take(api.GET("/api/v1/infrastructure/lanes", { signal })),
  refetchInterval: LANES_AGAIN_MS,
});

/** Both change together: maintenance closes the lanes. */
function useRenew() {
  const cache = useQueryClient();
  return async () => {
    await Promise.all([
      cache.invalidateQueries({ queryKey: maintenanceQuery.queryKey }),
      cache.invalidateQueries({ queryKey: lanesQuery.queryKey }),
    ]);
  };
}

export function useAnnounce() {
  const renew = useRenew();
  return useMutation({
    mutationFn: (wish: { in_s: number; message: string }) => take(api.PUT("/api/v1/maintenance", { body: wish })),
    onSettled: renew,
  });
}

export function useEnd() {
  const renew = useRenew();
  return useMutation({ mutationFn: () => take(api.DELETE("/api/v1/maintenance")), onSettled: renew });
}

export function useLane() {
  const renew = useRenew();
  return useMutation({
    mutationFn: ({ lane, isToDrain }: { lane: LaneWork["lane"]; isToDrain: boolean }) => {
      if (lane === "inline") throw new TypeError("no worker serves the inline lane");
      const params = { path: { lane } };
      return isToDrain
        ? take(api.POST("/api/v1/infrastructure/lanes/{lane}/drain", { params, body: null }))
        : take(api.POST("/api/v1/infrastructure/lanes/{lane}/resume", { params }));
    },
    onSettled: renew,
  });
}
