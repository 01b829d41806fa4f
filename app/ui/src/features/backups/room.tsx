/** The backups of the box, for whoever runs it. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { Archive } from "lucide-react";

import { house, superAdminOnly, type Banner, type Door } from "@/lib/rooms";

import { HoldBanner } from "./hold-banner";
import { KitBanner } from "./kit-banner";
import { t } from "./messages";

const backups = createRoute({
  getParentRoute: () => house,
  path: "/backups",
  beforeLoad: superAdminOnly,
  component: lazyRouteComponent(() => import("./backups-page"), "BackupsPage"),
});

export const routes = [backups];
export const banner: Banner = {
  place: 5,
  Strip: () => (
    <>
      <HoldBanner />
      <KitBanner />
    </>
  ),
};
export const door: Door = {
  to: "/backups",
  icon: Archive,
  name: () => t("backups.heading"),
  group: "box",
  place: 94,
  isForSuperAdmin: true,
};

declare module "@/lib/rooms" {
  interface Rooms {
    backups: typeof routes;
  }
}
