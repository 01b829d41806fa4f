/** Maintenance: announced to everybody, ordered by whoever runs the box. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { Wrench } from "lucide-react";

import { house, superAdminOnly, type Banner, type Door } from "@/lib/rooms";

import { MaintenanceBanner } from "./maintenance-banner";
import { t } from "./messages";

const maintenance = createRoute({
  getParentRoute: () => house,
  path: "/maintenance",
  beforeLoad: superAdminOnly,
  component: lazyRouteComponent(() => import("./maintenance-page"), "MaintenancePage"),
});

export const routes = [maintenance];
export const banner: Banner = { place: 10, Strip: MaintenanceBanner };
export const door: Door = {
  to: "/maintenance",
  icon: Wrench,
  name: () => t("care.heading"),
  group: "box",
  place: 91,
  isForSuperAdmin: true,
};

declare module "@/lib/rooms" {
  interface Rooms {
    maintenance: typeof routes;
  }
}
