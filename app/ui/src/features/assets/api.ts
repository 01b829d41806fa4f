/** The files of the organization. */
import { infiniteQueryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { call } from "@/lib/api";
import type { AssetFacts, FilePort } from "@/lib/asset-entry";
import type { Asset, List } from "@/lib/types";

/** `file` means every kind: anything may enter a file input. */
export const assetsQuery = (kind: FilePort) =>
  infiniteQueryOptions({
    queryKey: ["assets", "list", kind],
    queryFn: ({ signal, pageParam }) =>
      call<List<Asset>>("GET", "/assets", {
        query: { limit: 60, cursor: pageParam, kind: kind === "file" ? undefined : kind },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });

export const factsOf = (asset: Asset): AssetFacts => ({
  asset: asset.id,
  name: asset.name,
  mime: asset.mime,
  size_bytes: asset.size_bytes,
});

export function useDeleteAsset() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => call<unknown>("DELETE", `/assets/${id}`),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["assets"] }),
  });
}
