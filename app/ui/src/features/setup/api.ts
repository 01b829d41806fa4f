/** Claiming the box: once, by the person who holds the printed link. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { call } from "@/lib/api";

export type Claim = { token: string; email: string; password: string; name: string; organization: string };

export const setupQuery = queryOptions({
  queryKey: ["setup"],
  queryFn: ({ signal }) => call<{ claimed: boolean }>("GET", "/setup", { signal }),
});

export function useClaim() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: Claim) => call<unknown>("POST", "/setup", { body }),
    onSuccess: () => cache.clear(),
  });
}
