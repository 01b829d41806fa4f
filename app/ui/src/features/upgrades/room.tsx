/** The versions of the box, for whoever runs it. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { CircleArrowUp } from "lucide-react";

import { house, superAdminOnly, type Door } from "@/lib/rooms";

import { t } from "./messages";

const upgrades = createRoute({
  getParentRoute: () => house,
  path: "/upgrades",
  beforeLoad: superAdminOnly,
  component: lazyRouteComponent(() => import("./upgrades-page"), "UpgradesPage"),
});

export const routes = [upgrades];
export const door: Door = {
  to: "/upgrades",
  icon: CircleArrowUp,
  name: () => t("upgrades.heading"),
  group: "box",
  place: 96,
  isForSuperAdmin: true,
};

declare module "@/lib/rooms" {
  interface Rooms {
    upgrades: typeof routes;
  }
}
