/** How long what has ended is kept. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { Hourglass } from "lucide-react";

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
  icon: Hourglass,
  name: () => t("retention.heading"),
  group: "organization",
  place: 82,
  isFor: "admin",
};

declare module "@/lib/rooms" {
  interface Rooms {
    retention: typeof routes;
  }
}
