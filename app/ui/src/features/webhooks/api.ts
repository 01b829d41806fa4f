/** Webhooks and what was delivered to them, on the server and in the cache. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, take } from "@/lib/api";
import { PAGED } from "@/lib/paging";
import { newKey } from "@/lib/random";
import type { Webhook, WebhookShown } from "@/lib/types";

const ALL = ["webhooks"];
const LOOK_AGAIN_MS = 10_000;

export const webhooksQuery = (workflowId: string | null) =>
  infiniteQueryOptions({
    queryKey: [...ALL, "list", workflowId],
    queryFn: ({ signal, pageParam }) =>
      take(
        api.GET("/api/v1/webhooks", {
          params: { query: { limit: 50, cursor: pageParam, workflow_id: workflowId } },
          signal,
        }),
      ),
    ...PAGED,
    refetchInterval: LOOK_AGAIN_MS,
  });

export type Filter = "accepted" | "refused" | null;

export const deliveriesQuery = (id: string, status: Filter) =>
  infiniteQueryOptions({
    queryKey: [...ALL, "deliveries", id, status],
    queryFn: ({ signal, pageParam }) =>
      take(
        api.GET("/api/v1/webhooks/{webhook_id}/deliveries", {
          params: { path: { webhook_id: id }, query: { limit: 30, cursor: pageParam, status } },
          signal,
        }),
      ),
    ...PAGED,
    refetchInterval: LOOK_AGAIN_MS / 2,
  });

export const deliveryQuery = (id: string, deliveryId: string) =>
  queryOptions({
    queryKey: [...ALL, "delivery", id, deliveryId],
    queryFn: ({ signal }) =>
      take(
        api.GET("/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}", {
          params: { path: { webhook_id: id, delivery_id: deliveryId } },
          signal,
        }),
      ),
    // A line of the log does not change; how its instance goes on stands in the list.
    staleTime: Number.POSITIVE_INFINITY,
  });

export type WebhookWish = Pick<
  Webhook,
  "name" | "auth" | "methods" | "accepts" | "inputs" | "answer" | "wait_s" | "delivery_header" | "max_per_minute"
> & { secret?: string };

/** Makes a webhook of a workflow, or changes one that is there. */
export function useSaveWebhook(workflowId: string, webhook: Webhook | null) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (wish: WebhookWish): Promise<WebhookShown> =>
      webhook === null
        ? take(
            api.POST("/api/v1/webhooks", {
              body: { ...wish, workflow_id: workflowId, is_enabled: true },
              params: { header: { "Idempotency-Key": newKey() } },
            }),
          )
        : take(
            api.PATCH("/api/v1/webhooks/{webhook_id}", { params: { path: { webhook_id: webhook.id } }, body: wish }),
          ),
    onSuccess: () => cache.invalidateQueries({ queryKey: ALL }),
  });
}

export function useSwitchWebhook(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (isEnabled: boolean) =>
      take(
        api.PATCH("/api/v1/webhooks/{webhook_id}", {
          params: { path: { webhook_id: id } },
          body: { is_enabled: isEnabled },
        }),
      ),
    onSettled: () => cache.invalidateQueries({ queryKey: ALL }),
  });
}

export function useRotate(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (): Promise<WebhookShown> =>
      take(api.POST("/api/v1/webhooks/{webhook_id}/rotate", { params: { path: { webhook_id: id } } })),
    onSettled: () => cache.invalidateQueries({ queryKey: ALL }),
  });
}

export function useDeleteWebhook(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => take(api.DELETE("/api/v1/webhooks/{webhook_id}", { params: { path: { webhook_id: id } } })),
    onSettled: () => cache.invalidateQueries({ queryKey: ALL }),
  });
}

export function useTrial(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: unknown) =>
      take(api.POST("/api/v1/webhooks/{webhook_id}/test", { params: { path: { webhook_id: id } }, body: { body } })),
    onSettled: () =>
      Promise.all([cache.invalidateQueries({ queryKey: ALL }), cache.invalidateQueries({ queryKey: ["instances"] })]),
  });
}

export function useReplay(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (deliveryId: string) =>
      take(
        api.POST("/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/replay", {
          params: { path: { webhook_id: id, delivery_id: deliveryId } },
        }),
      ),
    onSettled: () =>
      Promise.all([cache.invalidateQueries({ queryKey: ALL }), cache.invalidateQueries({ queryKey: ["instances"] })]),
  });
}
