/** Schedules on the server and in the cache. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, take } from "@/lib/api";
import { PAGED } from "@/lib/paging";
import { newKey } from "@/lib/random";
import type { Schedule, Timing } from "@/lib/types";

const ALL = ["schedules"];
const LOOK_AGAIN_MS = 10_000;

export const schedulesQuery = (workflowId: string | null) =>
  infiniteQueryOptions({
    queryKey: [...ALL, "list", workflowId],
    queryFn: ({ signal, pageParam }) =>
      take(
        api.GET("/api/v1/schedules", {
          params: { query: { limit: 50, cursor: pageParam, workflow_id: workflowId } },
          signal,
        }),
      ),
    ...PAGED,
    // Times come and go by themselves.
    refetchInterval: LOOK_AGAIN_MS,
  });

export const runsQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: [...ALL, "runs", id],
    queryFn: ({ signal, pageParam }) =>
      take(
        api.GET("/api/v1/schedules/{schedule_id}/runs", {
          params: { path: { schedule_id: id }, query: { limit: 30, cursor: pageParam } },
          signal,
        }),
      ),
    ...PAGED,
    refetchInterval: LOOK_AGAIN_MS,
  });

/** When a timing comes next, before it is saved; a refusal says what is wrong with it. */
export const previewQuery = (timing: Timing | null) =>
  queryOptions({
    queryKey: [...ALL, "preview", timing],
    queryFn: ({ signal }) =>
      timing === null ? null : take(api.POST("/api/v1/schedules/preview", { body: { timing, count: 5 }, signal })),
    staleTime: 30_000,
    gcTime: 60_000,
    retry: false,
  });

export type ScheduleWish = Pick<Schedule, "name" | "timing" | "inputs" | "misfire" | "overlap">;

/** Saves a new schedule of a workflow, or changes to one that is there. */
export function useSaveSchedule(workflowId: string, schedule: Schedule | null) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (wish: ScheduleWish) =>
      schedule === null
        ? take(
            api.POST("/api/v1/schedules", {
              body: { ...wish, workflow_id: workflowId, is_enabled: true },
              params: { header: { "Idempotency-Key": newKey() } },
            }),
          )
        : take(
            api.PATCH("/api/v1/schedules/{schedule_id}", {
              params: { path: { schedule_id: schedule.id } },
              body: wish,
            }),
          ),
    onSuccess: () => cache.invalidateQueries({ queryKey: ALL }),
  });
}

export function useSwitchSchedule(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (isEnabled: boolean) =>
      take(
        api.PATCH("/api/v1/schedules/{schedule_id}", {
          params: { path: { schedule_id: id } },
          body: { is_enabled: isEnabled },
        }),
      ),
    onSettled: () => cache.invalidateQueries({ queryKey: ALL }),
  });
}

export function useRunSchedule(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => take(api.POST("/api/v1/schedules/{schedule_id}/run", { params: { path: { schedule_id: id } } })),
    onSettled: () =>
      Promise.all([cache.invalidateQueries({ queryKey: ALL }), cache.invalidateQueries({ queryKey: ["instances"] })]),
  });
}

export function useDeleteSchedule(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => take(api.DELETE("/api/v1/schedules/{schedule_id}", { params: { path: { schedule_id: id } } })),
    onSettled: () => cache.invalidateQueries({ queryKey: ALL }),
  });
}
