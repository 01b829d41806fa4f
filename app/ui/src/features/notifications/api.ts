/** What somebody is told, how much of it is new, and the channels of those who run the box. */
import { infiniteQueryOptions, queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, take } from "@/lib/api";
import type { components } from "@/lib/api.gen";
import { PAGED } from "@/lib/paging";

const NOTIFICATIONS: readonly string[] = ["notifications"];
const CHANNELS: readonly string[] = ["notification-channels"];
const LOOK_AGAIN_MS = 30_000;

export type ChannelWish = components["schemas"]["NewChannel"];
export type Way = ChannelWish["way"];

export const notificationsQuery = infiniteQueryOptions({
  queryKey: [...NOTIFICATIONS, "list"],
  queryFn: ({ signal, pageParam }) =>
    take(api.GET("/api/v1/notifications", { params: { query: { limit: 50, cursor: pageParam } }, signal })),
  ...PAGED,
  refetchInterval: LOOK_AGAIN_MS,
});

const unseenQuery = queryOptions({
  queryKey: [...NOTIFICATIONS, "unseen"],
  queryFn: ({ signal }) => take(api.GET("/api/v1/notifications/unseen", { signal })),
  refetchInterval: LOOK_AGAIN_MS,
});

/** What the bell shows. */
export const useUnseenCount = (): number => useQuery(unseenQuery).data?.count ?? 0;

export function useMarkSeen() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (until: string) => take(api.POST("/api/v1/notifications/seen", { body: { until } })),
    // The list keeps its marks while it is looked at; only the bell falls silent.
    onSuccess: () => cache.invalidateQueries({ queryKey: unseenQuery.queryKey }),
  });
}

export const channelsQuery = queryOptions({
  queryKey: CHANNELS,
  queryFn: ({ signal }) => take(api.GET("/api/v1/notification-channels", { signal })),
});

function useChannelMutation<Input, Result>(mutationFn: (input: Input) => Promise<Result>) {
  const cache = useQueryClient();
  return useMutation({ mutationFn, onSettled: () => cache.invalidateQueries({ queryKey: CHANNELS }) });
}

const at = (channel_id: string) => ({ params: { path: { channel_id } } });

export const useSaveChannel = (id: string | null) =>
  useChannelMutation((wish: ChannelWish) =>
    take(
      id === null
        ? api.POST("/api/v1/notification-channels", { body: wish })
        : api.PATCH("/api/v1/notification-channels/{channel_id}", { ...at(id), body: wish }),
    ),
  );

export const useSwitchChannel = (id: string) =>
  useChannelMutation((is_enabled: boolean) =>
    take(api.PATCH("/api/v1/notification-channels/{channel_id}", { ...at(id), body: { is_enabled } })),
  );

export const useDeleteChannel = (id: string) =>
  useChannelMutation(() => take(api.DELETE("/api/v1/notification-channels/{channel_id}", at(id))));

export const useTryChannel = (id: string) =>
  useChannelMutation(() => take(api.POST("/api/v1/notification-channels/{channel_id}/test", at(id))));
