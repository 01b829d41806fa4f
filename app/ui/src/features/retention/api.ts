/** What is kept, what would go, and letting it go. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, take } from "@/lib/api";
import type { components } from "@/lib/api.gen";

export type Terms = components["schemas"]["Terms"];
export type Preview = components["schemas"]["RetentionPreview"];

const ALL: readonly string[] = ["retention"];

export const retentionQuery = queryOptions({
  queryKey: [...ALL, "terms"],
  queryFn: ({ signal }) => take(api.GET("/api/v1/retention", { signal })),
});

/** Of these terms; null: of those that are kept. */
export function previewQuery(terms: Terms | null) {
  return queryOptions({
    queryKey: [...ALL, "preview", terms],
    queryFn: ({ signal }) => take(api.POST("/api/v1/retention/preview", { body: terms, signal })),
    retry: false,
  });
}

export const bytesQuery = queryOptions({
  queryKey: [...ALL, "bytes"],
  queryFn: ({ signal }) => take(api.GET("/api/v1/retention/bytes", { signal })),
});

function useLookAgain() {
  const cache = useQueryClient();
  return () => cache.invalidateQueries({ queryKey: ALL });
}

export function useChoose() {
  const lookAgain = useLookAgain();
  return useMutation({
    mutationFn: (terms: Terms) => take(api.PUT("/api/v1/retention", { body: terms })),
    onSuccess: lookAgain,
  });
}

export function useRun() {
  const lookAgain = useLookAgain();
  return useMutation({ mutationFn: () => take(api.POST("/api/v1/retention/run")), onSuccess: lookAgain });
}

export function useCollect() {
  const lookAgain = useLookAgain();
  return useMutation({ mutationFn: () => take(api.POST("/api/v1/retention/bytes/collect")), onSuccess: lookAgain });
}
