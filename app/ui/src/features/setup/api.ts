/** Claiming the box: once, by the person who holds the printed link. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, take } from "@/lib/api";

export type Claim = { token: string; email: string; password: string; name: string; organization: string };

export const setupQuery = queryOptions({
  queryKey: ["setup"],
  queryFn: ({ signal }) => take(api.GET("/api/v1/setup", { signal })),
});

export function useClaim() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: Claim) => take(api.POST("/api/v1/setup", { body })),
    onSuccess: () => cache.clear(),
  });
}
