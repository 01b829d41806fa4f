/** Workflows and their versions, on the server and in the cache. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, take } from "@/lib/api";
import type { Definition } from "@/lib/types";

const LIST = ["workflows", "list"];

export const workflowsQuery = infiniteQueryOptions({
  queryKey: LIST,
  queryFn: ({ signal, pageParam }) =>
    take(api.GET("/api/v1/workflows", { params: { query: { limit: 50, cursor: pageParam } }, signal })),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
});

export const versionsQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: ["workflows", "versions", id],
    queryFn: ({ signal, pageParam }) =>
      take(
        api.GET("/api/v1/workflows/{workflow_id}/versions", {
          params: { path: { workflow_id: id }, query: { limit: 30, cursor: pageParam } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });

export const versionQuery = (id: string, number: number) =>
  queryOptions({
    queryKey: ["workflows", "version", id, number],
    queryFn: ({ signal }) =>
      take(
        api.GET("/api/v1/workflows/{workflow_id}/versions/{number}", {
          params: { path: { workflow_id: id, number } },
          signal,
        }),
      ),
    // A version never changes once written.
    staleTime: Number.POSITIVE_INFINITY,
  });

/** Every complaint about a definition that is not saved yet. */
export const validationQuery = (definition: unknown, text: string) =>
  queryOptions({
    queryKey: ["workflows", "validate", text],
    queryFn: async ({ signal }) =>
      (await take(api.POST("/api/v1/workflows/validate", { body: { definition }, signal }))).errors,
    staleTime: 60_000,
    gcTime: 60_000,
  });

export function useCreateWorkflow() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: { name: string; definition: Definition }) => take(api.POST("/api/v1/workflows", { body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: LIST }),
  });
}

export function useSaveDefinition(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: { definition: Definition; base_version: number }) =>
      take(api.PUT("/api/v1/workflows/{workflow_id}/definition", { params: { path: { workflow_id: id } }, body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["workflows"] }),
  });
}

export function useDeleteWorkflow() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      take(api.DELETE("/api/v1/workflows/{workflow_id}", { params: { path: { workflow_id: id } } })),
    onSuccess: (_, id) => {
      cache.removeQueries({ queryKey: ["workflows", "one", id] });
      return cache.invalidateQueries({ queryKey: LIST });
    },
  });
}
