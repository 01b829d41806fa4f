/** Instances and their steps, on the server and in the cache. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, take } from "@/lib/api";
import type { components } from "@/lib/api.gen";
import { PAGED } from "@/lib/paging";
import { newKey } from "@/lib/random";
import type { Instance, LogLine, Step } from "@/lib/types";

import { ENDED } from "./ends";

export const LIST: readonly string[] = ["instances", "list"];
/** What goes on from an instance that has ended; its id follows. */
export const ORIGINS: readonly string[] = ["instances", "origin"];
/** What waits for people, here and in the inbox. */
export const QUESTIONS: readonly string[] = ["approvals"];
/** The most that one call gives of steps and of log lines. */
const STEPS_PAGE = 500;
const LINES_PAGE = 1_000;

export const instanceKey = (id: string): readonly string[] => ["instances", "one", id];
export const stepsKey = (id: string): readonly string[] => ["instances", "steps", id];
/** All fan-outs of an instance; the id of the fanned-out step follows. */
export const itemsKey = (id: string): readonly string[] => ["instances", "items", id];
export const logsKey = (id: string, stepId: string): readonly string[] => ["instances", "logs", id, stepId];
export const previewKey = (stepId: string): readonly string[] => ["instances", "preview", stepId];

export const instancesQuery = (workflowId: string | null) =>
  infiniteQueryOptions({
    queryKey: [...LIST, workflowId],
    queryFn: ({ signal, pageParam }) =>
      take(
        api.GET("/api/v1/instances", {
          params: { query: { limit: 40, cursor: pageParam, workflow_id: workflowId } },
          signal,
        }),
      ),
    ...PAGED,
    // While something runs the list looks again; the page of an instance is the live one.
    refetchInterval: (query) =>
      query.state.data?.pages.some((page) => page.items.some((instance) => !ENDED.has(instance.status)))
        ? 5_000
        : false,
  });

export const instanceQuery = (id: string) =>
  queryOptions({
    queryKey: instanceKey(id),
    queryFn: ({ signal }) =>
      take(api.GET("/api/v1/instances/{instance_id}", { params: { path: { instance_id: id } }, signal })),
  });

/** The runs that go on from this one, newest first. */
export const rerunsQuery = (id: string) =>
  queryOptions({
    queryKey: [...ORIGINS, id],
    queryFn: ({ signal }) =>
      take(api.GET("/api/v1/instances", { params: { query: { limit: 10, origin: id } }, signal })),
  });

/** What a step of an instance ran, newest first; looked for again while the last of it runs. */
export const childrenQuery = (id: string, stepId: string) =>
  infiniteQueryOptions({
    queryKey: ["instances", "children", id, stepId],
    queryFn: ({ signal, pageParam }) =>
      take(
        api.GET("/api/v1/instances", {
          params: { query: { limit: 20, cursor: pageParam, parent: id, parent_step: stepId } },
          signal,
        }),
      ),
    ...PAGED,
    refetchInterval: (query) =>
      query.state.data?.pages[0]?.items.some((child) => !ENDED.has(child.status)) ? 2_000 : false,
  });

/** The document an instance was started with; a deleted workflow leaves the picture empty, not the page. */
export const definitionQuery = ({ workflow_id, version }: Instance) =>
  queryOptions({
    queryKey: ["workflows", "version", workflow_id, version],
    queryFn: ({ signal }) =>
      take(
        api.GET("/api/v1/workflows/{workflow_id}/versions/{number}", {
          params: { path: { workflow_id, number: version } },
          signal,
        }),
      ),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });

async function allSteps(id: string, signal: AbortSignal): Promise<Step[]> {
  const steps: Step[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: Step[]; next_cursor: string | null } = await take(
      api.GET("/api/v1/instances/{instance_id}/steps", {
        params: { path: { instance_id: id }, query: { limit: STEPS_PAGE, cursor } },
        signal,
      }),
    );
    steps.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return steps;
}

/** The steps of the document; what a fan-out consists of is asked for when somebody opens it. */
export const stepsQuery = (id: string) =>
  queryOptions({ queryKey: stepsKey(id), queryFn: ({ signal }) => allSteps(id, signal) });

/** The items of a fan-out, in their order, page by page: there may be ten thousand. */
export const itemsQuery = (id: string, stepId: string) =>
  infiniteQueryOptions({
    queryKey: [...itemsKey(id), stepId],
    queryFn: ({ signal, pageParam }) =>
      take(
        api.GET("/api/v1/instances/{instance_id}/steps", {
          params: { path: { instance_id: id }, query: { parent: stepId, limit: 100, cursor: pageParam } },
          signal,
        }),
      ),
    ...PAGED,
  });

async function allLines(id: string, stepId: string, signal: AbortSignal): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  let page: LogLine[];
  do {
    const path = { instance_id: id, step_id: stepId };
    const query = { after: lines.at(-1)?.id ?? 0, limit: LINES_PAGE };
    page = (
      await take(api.GET("/api/v1/instances/{instance_id}/steps/{step_id}/logs", { params: { path, query }, signal }))
    ).items;
    lines.push(...page);
  } while (page.length === LINES_PAGE);
  return lines;
}

export const logsQuery = (id: string, stepId: string) =>
  queryOptions({ queryKey: logsKey(id, stepId), queryFn: ({ signal }) => allLines(id, stepId, signal) });

export type Start = { workflow_id: string; inputs: Record<string, unknown> };
export type RunPlan = components["schemas"]["RunPlan"];

/** What a start would do; asked anew each time, for workers come and go. */
export const planQuery = (body: Start) =>
  queryOptions({
    queryKey: ["instances", "outlook", body],
    queryFn: ({ signal }) => take(api.POST("/api/v1/instances/plan", { body, signal })),
    gcTime: 0,
    retry: false,
  });

/** A key of its own makes a repeat after a broken line harmless. */
export function startInstance(body: Start): Promise<Instance> {
  return take(api.POST("/api/v1/instances", { body, params: { header: { "Idempotency-Key": newKey() } } }));
}

/** `start`: the call that makes the new instance. */
export function useStart<Values>(start: (values: Values) => Promise<Instance>) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: start,
    onSuccess: () =>
      Promise.all([cache.invalidateQueries({ queryKey: LIST }), cache.invalidateQueries({ queryKey: ORIGINS })]),
  });
}

export function useCancel(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () =>
      take(api.POST("/api/v1/instances/{instance_id}/cancel", { params: { path: { instance_id: id } } })),
    onSettled: () => cache.invalidateQueries({ queryKey: ["instances"] }),
  });
}

/** What an instance asks people, its fan-outs' items and what its steps run too. */
export const questionsQuery = (id: string) =>
  queryOptions({
    queryKey: [...QUESTIONS, "instance", id],
    queryFn: async ({ signal }) =>
      (await take(api.GET("/api/v1/approvals", { params: { query: { instance_id: id, limit: 20 } }, signal }))).items,
  });

/** One step, asked for by whoever shows what it asks. */
export const stepQuery = (id: string, stepId: string) =>
  queryOptions({
    queryKey: [...QUESTIONS, "step", stepId],
    queryFn: ({ signal }) =>
      take(
        api.GET("/api/v1/instances/{instance_id}/steps/{step_id}", {
          params: { path: { instance_id: id, step_id: stepId } },
          signal,
        }),
      ),
  });

function useAnswered(id: string) {
  const cache = useQueryClient();
  return () =>
    Promise.all([
      cache.invalidateQueries({ queryKey: QUESTIONS }),
      cache.invalidateQueries({ queryKey: stepsKey(id) }),
      cache.invalidateQueries({ queryKey: instanceKey(id) }),
    ]);
}

export function useAnswer(id: string, stepId: string) {
  const onSuccess = useAnswered(id);
  return useMutation({
    mutationFn: (value: unknown) =>
      take(
        api.POST("/api/v1/instances/{instance_id}/steps/{step_id}/answer", {
          params: { path: { instance_id: id, step_id: stepId }, header: { "Idempotency-Key": newKey() } },
          body: { value },
        }),
      ),
    onSuccess,
  });
}

export function useStartStep(id: string, stepId: string) {
  const onSuccess = useAnswered(id);
  return useMutation({
    mutationFn: () =>
      take(
        api.POST("/api/v1/instances/{instance_id}/steps/{step_id}/start", {
          params: { path: { instance_id: id, step_id: stepId } },
        }),
      ),
    onSuccess,
  });
}
