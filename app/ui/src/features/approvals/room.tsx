/** The inbox: what waits for people, whose turn it is. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { Inbox } from "lucide-react";

import { house, type Door } from "@/lib/rooms";

import { approvalsQuery, useOpenCount } from "./api";
import { t } from "./messages";

const approvals = createRoute({
  getParentRoute: () => house,
  path: "/inbox",
  loader: ({ context }) => context.cache.infiniteQuery({ ...approvalsQuery, staleTime: "static" }),
  component: lazyRouteComponent(() => import("./approvals-page"), "ApprovalsPage"),
});

export const routes = [approvals];
export const door: Door = {
  to: "/inbox",
  icon: Inbox,
  name: () => t("approvals.heading"),
  group: "work",
  place: 22,
  useCount: useOpenCount,
};

declare module "@/lib/rooms" {
  interface Rooms {
    approvals: typeof routes;
  }
}
