/** Workflows and their versions, on the server and in the cache. */
import {
  infiniteQueryOptions,
  queryOptions,
  useMutation,
  useQueryClient,
  type QueryClient,
} from "@tanstack/react-query";

import { api, take } from "@/lib/api";
import { PAGED } from "@/lib/paging";
import { Problem } from "@/lib/problem";
import { saveFile } from "@/lib/save-file";
import type { Definition } from "@/lib/types";

import { t } from "./messages";

const LIST = ["workflows", "list"];

export const workflowsQuery = infiniteQueryOptions({
  queryKey: LIST,
  queryFn: ({ signal, pageParam }) =>
    take(api.GET("/api/v1/workflows", { params: { query: { limit: 50, cursor: pageParam } }, signal })),
  ...PAGED,
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
    ...PAGED,
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

/** What changed from one version to another; it never changes either. */
export const differenceQuery = (id: string, from: number, to: number) =>
  queryOptions({
    queryKey: ["workflows", "difference", id, from, to],
    queryFn: ({ signal }) =>
      take(
        api.GET("/api/v1/workflows/{workflow_id}/versions/{number}/diff/{other}", {
          params: { path: { workflow_id: id, number: from, other: to } },
          signal,
        }),
      ),
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

/**
 * Everything about workflows is read anew, but not waited for: a mutation that waits tells its caller only
 * when the page has changed, and the caller may be gone by then.
 */
function lookAgain(cache: QueryClient): void {
  void cache.invalidateQueries({ queryKey: ["workflows"] });
}

export function useSaveDefinition(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: { definition: Definition; base_version: number; note: string; publish: boolean }) =>
      take(api.PUT("/api/v1/workflows/{workflow_id}/definition", { params: { path: { workflow_id: id } }, body })),
    onSuccess: () => lookAgain(cache),
  });
}

export function usePublishVersion(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: ({ number, note }: { number: number; note: string }) =>
      take(
        api.POST("/api/v1/workflows/{workflow_id}/versions/{number}/publish", {
          params: { path: { workflow_id: id, number } },
          body: { note },
        }),
      ),
    onSuccess: () => lookAgain(cache),
  });
}

export function useRestoreVersion(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (number: number) =>
      take(
        api.POST("/api/v1/workflows/{workflow_id}/versions/{number}/restore", {
          params: { path: { workflow_id: id, number } },
          body: {},
        }),
      ),
    onSuccess: () => lookAgain(cache),
  });
}

/** The file of a workflow goes to the person's downloads, under the name the server gives it. */
export function useExportWorkflow(id: string) {
  return useMutation({
    mutationFn: async (version: number | null) => {
      const { data, response } = await api.GET("/api/v1/workflows/{workflow_id}/export", {
        params: { path: { workflow_id: id }, query: { version } },
        parseAs: "blob",
      });
      const named = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? "");
      saveFile(named?.[1] ?? "workflow.studio.json", data as Blob);
    },
  });
}

export function useImportWorkflow() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: async (file: File) => {
      let body: unknown;
      try {
        body = JSON.parse(await file.text());
      } catch {
        body = null;
      }
      if (typeof body !== "object" || body === null || Array.isArray(body)) {
        throw new Problem({ status: 422, detail: t("import.no_json", { name: file.name }) });
      }
      return take(api.POST("/api/v1/workflows/import", { body: body as Record<string, unknown> }));
    },
    onSuccess: () => cache.invalidateQueries({ queryKey: LIST }),
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

/** Every function that expressions may call; they change only when the server restarts. */
export const functionsQuery = queryOptions({
  queryKey: ["catalog", "functions"],
  queryFn: ({ signal }) => take(api.GET("/api/v1/catalog/functions", { signal })),
  staleTime: 600_000,
});
