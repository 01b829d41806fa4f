/** The box itself, for whoever runs it. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { Server } from "lucide-react";

import { house, superAdminOnly, type Door } from "@/lib/rooms";

import { t } from "./messages";

const system = createRoute({
  getParentRoute: () => house,
  path: "/system",
  beforeLoad: superAdminOnly,
  component: lazyRouteComponent(() => import("./system-page"), "SystemPage"),
});

export const routes = [system];
export const door: Door = {
  to: "/system",
  icon: Server,
  name: () => t("system.heading"),
  group: "box",
  place: 90,
  isForSuperAdmin: true,
};

declare module "@/lib/rooms" {
  interface Rooms {
    infrastructure: typeof routes;
  }
}
