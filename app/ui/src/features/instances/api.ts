/** Instances and their steps, on the server and in the cache. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, call, take } from "@/lib/api";
import { newKey } from "@/lib/random";
import type { Instance, InstanceStatus, List, LogLine, Step } from "@/lib/types";

export const ENDED: ReadonlySet<InstanceStatus> = new Set(["completed", "failed", "cancelled"]);

export const instanceKey = (id: string): readonly string[] => ["instances", "one", id];
export const stepsKey = (id: string): readonly string[] => ["instances", "steps", id];
/** All fan-outs of an instance; the id of the fanned-out step follows. */
export const itemsKey = (id: string): readonly string[] => ["instances", "items", id];
export const logsKey = (id: string, stepId: string): readonly string[] => ["instances", "logs", id, stepId];
export const previewKey = (stepId: string): readonly string[] => ["instances", "preview", stepId];

export const instancesQuery = (workflowId: string | null) =>
  infiniteQueryOptions({
    queryKey: ["instances", "list", workflowId],
    queryFn: ({ signal, pageParam }) =>
      call<List<Instance>>("GET", "/instances", { query: { limit: 40, cursor: pageParam, workflow_id: workflowId }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    // While something runs the list looks again; the page of an instance is the live one.
    refetchInterval: (query) =>
      query.state.data?.pages.some((page) => page.items.some((instance) => !ENDED.has(instance.status))) ? 3_000 : false,
  });

export const instanceQuery = (id: string) =>
  queryOptions({
    queryKey: instanceKey(id),
    queryFn: ({ signal }) => call<Instance>("GET", `/instances/${id}`, { signal }),
  });

/** The document an instance was started with; a deleted workflow leaves the picture empty, not the page. */
export const definitionQuery = ({ workflow_id, version }: Instance) =>
  queryOptions({
    queryKey: ["workflows", "version", workflow_id, version],
    queryFn: ({ signal }) => take(
        api.GET("/api/v1/workflows/{workflow_id}/versions/{number}", {
          params: { path: { workflow_id, number: version } },
          signal,
        }),
      ),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });

export const stepsQuery = (id: string) =>
  queryOptions({
    queryKey: stepsKey(id),
    queryFn: ({ signal }) => call<List<Step>>("GET", `/instances/${id}/steps`, { query: { limit: 500 }, signal }),
  });

/** The items of a fan-out, in their order, page by page: there may be ten thousand. */
export const itemsQuery = (id: string, stepId: string) =>
  infiniteQueryOptions({
    queryKey: [...itemsKey(id), stepId],
    queryFn: ({ signal, pageParam }) =>
      call<List<Step>>("GET", `/instances/${id}/steps`, { query: { parent: stepId, limit: 100, cursor: pageParam }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });

export const logsQuery = (id: string, stepId: string) =>
  queryOptions({
    queryKey: logsKey(id, stepId),
    queryFn: ({ signal }) => call<List<LogLine>>("GET", `/instances/${id}/steps/${stepId}/logs`, { query: { limit: 500 }, signal }),
  });

export function useStart() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: { workflow_id: string; inputs: Record<string, unknown> }) =>
      call<Instance>("POST", "/instances", { body, key: newKey() }),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["instances", "list"] }),
  });
}

export function useCancel(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => call<unknown>("POST", `/instances/${id}/cancel`),
    onSettled: () => cache.invalidateQueries({ queryKey: ["instances"] }),
  });
}
