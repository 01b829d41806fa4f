/** Workflows and their versions, on the server and in the cache. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { call } from "@/lib/api";
import type { Complaint } from "@/lib/problem";
import type { List, Version, VersionSummary, Workflow, WorkflowSummary } from "@/lib/types";

const LIST = ["workflows", "list"];

export const workflowsQuery = infiniteQueryOptions({
  queryKey: LIST,
  queryFn: ({ signal, pageParam }) =>
    call<List<WorkflowSummary>>("GET", "/workflows", { query: { limit: 50, cursor: pageParam }, signal }),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
});

export const versionsQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: ["workflows", "versions", id],
    queryFn: ({ signal, pageParam }) =>
      call<List<VersionSummary>>("GET", `/workflows/${id}/versions`, { query: { limit: 30, cursor: pageParam }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });

export const versionQuery = (id: string, number: number) =>
  queryOptions({
    queryKey: ["workflows", "version", id, number],
    queryFn: ({ signal }) => call<Version>("GET", `/workflows/${id}/versions/${String(number)}`, { signal }),
    // A version never changes once written.
    staleTime: Number.POSITIVE_INFINITY,
  });

/** Every complaint about a definition that is not saved yet. */
export const validationQuery = (definition: unknown, text: string) =>
  queryOptions({
    queryKey: ["workflows", "validate", text],
    queryFn: async ({ signal }) =>
      (await call<{ errors: Complaint[] }>("POST", "/workflows/validate", { body: { definition }, signal })).errors,
    staleTime: 60_000,
    gcTime: 60_000,
  });

export function useCreateWorkflow() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: { name: string; definition: unknown }) => call<Workflow>("POST", "/workflows", { body }),
    onSuccess: () => cache.invalidateQueries({ queryKey: LIST }),
  });
}

export function useSaveDefinition(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: { definition: unknown; base_version: number }) =>
      call<Workflow>("PUT", `/workflows/${id}/definition`, { body }),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["workflows"] }),
  });
}

export function useDeleteWorkflow() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => call<unknown>("DELETE", `/workflows/${id}`),
    onSuccess: (_, id) => {
      cache.removeQueries({ queryKey: ["workflows", "one", id] });
      return cache.invalidateQueries({ queryKey: LIST });
    },
  });
}
