/** The files of the organization. */
import { infiniteQueryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, take } from "@/lib/api";
import type { AssetFacts } from "@/lib/asset-entry";
import { PAGED } from "@/lib/paging";
import type { Asset } from "@/lib/types";

import { sourcesOf, type Search } from "./search";

/** The kind `file` means every kind: anything may enter a file input. */
export const assetsQuery = ({ kind, origin, name }: Search) =>
  infiniteQueryOptions({
    queryKey: ["assets", "list", kind, origin, name],
    queryFn: ({ signal, pageParam }) =>
      take(
        api.GET("/api/v1/assets", {
          params: {
            query: {
              limit: 60,
              cursor: pageParam,
              kind: kind === "file" ? null : kind,
              source: sourcesOf(origin),
              name: name || null,
            },
          },
          signal,
        }),
      ),
    ...PAGED,
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
    mutationFn: (id: string) => take(api.DELETE("/api/v1/assets/{asset_id}", { params: { path: { asset_id: id } } })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["assets"] }),
  });
}
