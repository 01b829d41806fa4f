/** Signing in and out. */
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { api, take } from "@/lib/api";

export function useLogin() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: { email: string; password: string }) => take(api.POST("/api/v1/auth/login", { body })),
    // Whatever another person saw in this tab must not be shown to this one.
    onSuccess: () => cache.clear(),
  });
}

export function useLogout() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => take(api.POST("/api/v1/auth/logout")),
    onSettled: () => cache.clear(),
  });
}
