/** The step types this box knows. They change only when the server restarts. */
import { queryOptions, useQuery } from "@tanstack/react-query";

import { api, take } from "@/lib/api";
import type { StepType } from "@/lib/types";

const catalogQuery = queryOptions({
  queryKey: ["catalog"],
  queryFn: ({ signal }) => take(api.GET("/api/v1/catalog", { signal })),
  staleTime: 600_000,
});

const NOTHING: ReadonlyMap<string, string> = new Map();

function titles(catalog: { items: StepType[] }): ReadonlyMap<string, string> {
  return new Map(catalog.items.map((entry) => [entry.kind, entry.title]));
}

/** Titles by kind; empty until the catalogue is here. */
export function useStepTitles(): ReadonlyMap<string, string> {
  return useQuery({ ...catalogQuery, select: titles }).data ?? NOTHING;
}

/** One step type; undefined until the catalogue is here, or when this box does not have it. */
export function useStepType(kind: string): StepType | undefined {
  return useQuery({ ...catalogQuery, select: (catalog) => catalog.items.find((entry) => entry.kind === kind) }).data;
}

const NO_KINDS: ReadonlySet<string> = new Set();

function calling(catalog: { items: StepType[] }): ReadonlySet<string> {
  return new Set(catalog.items.filter((entry) => entry.calls === true).map((entry) => entry.kind));
}

/** The kinds of steps that run other workflows; empty until the catalogue is here. */
export function useCallingKinds(): ReadonlySet<string> {
  return useQuery({ ...catalogQuery, select: calling }).data ?? NO_KINDS;
}
