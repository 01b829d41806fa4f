/** How long what has ended is kept. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { Archive } from "lucide-react";

import { house, needs, type Door } from "@/lib/rooms";

import { t } from "./messages";

const retention = createRoute({
  getParentRoute: () => house,
  path: "/retention",
  beforeLoad: needs("admin"),
  component: lazyRouteComponent(() => import("./retention-page"), "RetentionPage"),
});

export const routes = [retention];
export const door: Door = {
  to: "/retention",
  icon: Archive,
  name: () => t("retention.heading"),
  place: 82,
  isFor: "admin",
};

declare module "@/lib/rooms" {
  interface Rooms {
    retention: typeof routes;
  }
}
