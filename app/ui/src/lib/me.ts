/** Who is signed in, and what their role allows; the server decides, the page only hides what would be refused. */
import { queryOptions, useSuspenseQuery } from "@tanstack/react-query";

import { api, take } from "@/lib/api";
import type { Me, Role } from "@/lib/types";

export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: ({ signal }) => take(api.GET("/api/v1/auth/me", { signal })),
  staleTime: 60_000,
});

const RANK: Record<Role, number> = { viewer: 0, operator: 1, editor: 2, admin: 3, owner: 4 };

export function useMe(): Me {
  return useSuspenseQuery(meQuery).data;
}

/** Whether one role allows what another one does. */
export function ranks(own: Role, wanted: Role): boolean {
  return RANK[own] >= RANK[wanted];
}

/** Whether the signed-in person has this role or a higher one. */
export function useMay(role: Role): boolean {
  return ranks(useMe().role, role);
}
