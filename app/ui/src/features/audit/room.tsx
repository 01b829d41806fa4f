/** Who did what, for those who answer for the organization. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { ClipboardList } from "lucide-react";

import { house, needs, type Door } from "@/lib/rooms";

import { t } from "./messages";

const audit = createRoute({
  getParentRoute: () => house,
  path: "/audit",
  beforeLoad: needs("admin"),
  component: lazyRouteComponent(() => import("./audit-page"), "AuditPage"),
});

export const routes = [audit];
export const door: Door = {
  to: "/audit",
  icon: ClipboardList,
  name: () => t("audit.heading"),
  group: "organization",
  place: 84,
  isFor: "admin",
};

declare module "@/lib/rooms" {
  interface Rooms {
    audit: typeof routes;
  }
}
