/** What people do to a run beside watching it: let it stand still, end a step, run something again. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { toast } from "sonner";

import { api, take } from "@/lib/api";
import { asProblem } from "@/lib/problem";
import { newKey } from "@/lib/random";
import type { Instance, Rerun } from "@/lib/types";

import { LIST, ORIGINS } from "./api";
import { t } from "./messages";

export type OnVersion = NonNullable<Rerun["version"]>;
/** Values by name, given to a step or an item by hand. */
export type Values = Record<string, unknown>;

const say = (error: unknown): void => {
  const problem = asProblem(error);
  toast.error(problem.message, { description: problem.remedy ?? undefined });
};

function useMove(move: () => Promise<unknown>) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: move,
    onError: say,
    onSettled: () => cache.invalidateQueries({ queryKey: ["instances"] }),
  });
}

export const usePause = (id: string) =>
  useMove(() => take(api.POST("/api/v1/instances/{instance_id}/pause", { params: { path: { instance_id: id } } })));

export const useResume = (id: string) =>
  useMove(() => take(api.POST("/api/v1/instances/{instance_id}/resume", { params: { path: { instance_id: id } } })));

export const useCancelStep = (id: string, stepId: string) =>
  useMove(() =>
    take(
      api.POST("/api/v1/instances/{instance_id}/steps/{step_id}/cancel", {
        params: { path: { instance_id: id, step_id: stepId } },
      }),
    ),
  );

/** Running again makes a new instance; the page goes there. */
function useAgain<Wish>(run: (wish: Wish) => Promise<Instance>) {
  const cache = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: run,
    onSuccess: async (made) => {
      await Promise.all([
        cache.invalidateQueries({ queryKey: LIST }),
        cache.invalidateQueries({ queryKey: ORIGINS }),
        navigate({ to: "/instances/$instanceId", params: { instanceId: made.id } }),
      ]);
      toast.success(t("again.started", { number: made.number }));
    },
  });
}

const header = () => ({ "Idempotency-Key": newKey() });

export const useRetry = (id: string) =>
  useAgain((version: OnVersion) =>
    take(
      api.POST("/api/v1/instances/{instance_id}/retry", {
        params: { path: { instance_id: id }, header: header() },
        body: { version },
      }),
    ),
  );

export function rerunInstance(id: string, body: Rerun): Promise<Instance> {
  const params = { path: { instance_id: id }, header: header() };
  return take(api.POST("/api/v1/instances/{instance_id}/rerun", { params, body }));
}

export const useRerun = (id: string) => useAgain((body: Rerun) => rerunInstance(id, body));

export const useRerunStep = (id: string, stepId: string) =>
  useAgain((body: { with?: Values; outputs?: Values }) =>
    take(
      api.POST("/api/v1/instances/{instance_id}/steps/{step_id}/rerun", {
        params: { path: { instance_id: id, step_id: stepId }, header: header() },
        body,
      }),
    ),
  );

/** What running again would keep and run; asked anew each time, for the workflow may have changed. */
export const rerunPlanQuery = (id: string, body: Rerun) =>
  queryOptions({
    queryKey: ["instances", "plan", id, body],
    queryFn: ({ signal }) =>
      take(
        api.POST("/api/v1/instances/{instance_id}/rerun/plan", { params: { path: { instance_id: id } }, body, signal }),
      ),
    gcTime: 0,
    retry: false,
  });
