/** Signing in and out. */
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { call } from "@/lib/api";

export function useLogin() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: { email: string; password: string }) => call<unknown>("POST", "/auth/login", { body }),
    // Whatever another person saw in this tab must not be shown to this one.
    onSuccess: () => cache.clear(),
  });
}

export function useLogout() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => call<unknown>("POST", "/auth/logout"),
    onSettled: () => cache.clear(),
  });
}
