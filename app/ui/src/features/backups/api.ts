/** The box's backups: what was made and proved, and what whoever runs it may ask for. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, take } from "@/lib/api";

const BACKUPS: readonly string[] = ["backups"];
const BUSY_MS = 1_500;
const QUIET_MS = 15_000;

export const backupsQuery = queryOptions({
  queryKey: [...BACKUPS, "list"],
  queryFn: ({ signal }) => take(api.GET("/api/v1/backups", { signal })),
  refetchInterval: ({ state: { data } }) => (data?.status.running || data?.wished.length ? BUSY_MS : QUIET_MS),
});

export const holdQuery = queryOptions({
  queryKey: [...BACKUPS, "hold"],
  queryFn: ({ signal }) => take(api.GET("/api/v1/backups/hold", { signal })),
  refetchInterval: QUIET_MS,
});

function useWish(wish: () => Promise<unknown>) {
  const cache = useQueryClient();
  return useMutation({ mutationFn: wish, onSettled: () => cache.invalidateQueries({ queryKey: BACKUPS }) });
}

export const useBackUp = () => useWish(() => take(api.POST("/api/v1/backups")));
export const useDrill = () => useWish(() => take(api.POST("/api/v1/backups/drill")));
export const useRelease = () => useWish(() => take(api.POST("/api/v1/backups/release")));

export type KitProof = { text: string } | { endings: { password: string; encryption_key: string } };

export function useProveKit() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (proof: KitProof) => take(api.POST("/api/v1/backups/kit/confirm", { body: proof })),
    onSettled: () => cache.invalidateQueries({ queryKey: BACKUPS }),
  });
}

export const useKit = () =>
  useMutation({ mutationFn: (password: string) => take(api.POST("/api/v1/backups/kit", { body: { password } })) });
