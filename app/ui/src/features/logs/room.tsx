/** What the programs of the box say, for whoever runs it. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { ScrollText } from "lucide-react";

import { house, superAdminOnly, type Door } from "@/lib/rooms";

import { t } from "./messages";

const logs = createRoute({
  getParentRoute: () => house,
  path: "/logs",
  beforeLoad: superAdminOnly,
  component: lazyRouteComponent(() => import("./logs-page"), "LogsPage"),
});

export const routes = [logs];
export const door: Door = {
  to: "/logs",
  icon: ScrollText,
  name: () => t("logs.heading"),
  group: "box",
  place: 92,
  isForSuperAdmin: true,
};

declare module "@/lib/rooms" {
  interface Rooms {
    logs: typeof routes;
  }
}
