/** The bell: what somebody should know, and for those who run the box the ways it is told. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { Bell } from "lucide-react";

import { house, type Door } from "@/lib/rooms";

import { useUnseenCount } from "./api";
import { t } from "./messages";

const notifications = createRoute({
  getParentRoute: () => house,
  path: "/notifications",
  component: lazyRouteComponent(() => import("./notifications-page"), "NotificationsPage"),
});

export const routes = [notifications];
export const door: Door = {
  to: "/notifications",
  icon: Bell,
  name: () => t("notes.heading"),
  group: "work",
  place: 28,
  useCount: useUnseenCount,
};

declare module "@/lib/rooms" {
  interface Rooms {
    notifications: typeof routes;
  }
}
