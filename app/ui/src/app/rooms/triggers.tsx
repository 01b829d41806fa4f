/** Triggers: what starts workflows by itself, of one workflow or of all. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { Zap } from "lucide-react";
import { lazy } from "react";

import { t } from "@/app/messages";
import { schedulesQuery } from "@/features/schedules/api";
import { webhooksQuery } from "@/features/webhooks/api";
import { house, type Door, type WorkflowTab } from "@/lib/rooms";

const triggers = createRoute({
  getParentRoute: () => house,
  path: "/triggers",
  loader: ({ context }) =>
    Promise.all([
      context.cache.infiniteQuery({ ...schedulesQuery(null), staleTime: "static" }),
      context.cache.infiniteQuery({ ...webhooksQuery(null), staleTime: "static" }),
    ]),
  component: lazyRouteComponent(() => import("@/app/pages/triggers"), "TriggersPage"),
});

const Triggers = lazy(() => import("@/app/pages/triggers").then((module) => ({ default: module.Triggers })));

export const routes = [triggers];
export const door: Door = { to: "/triggers", icon: Zap, name: () => t("triggers.heading"), group: "work", place: 26 };
export const tabs: readonly WorkflowTab[] = [
  {
    id: "triggers",
    name: () => t("triggers.heading"),
    place: 80,
    Panel: ({ workflow }) => <Triggers workflowId={workflow.id} />,
  },
];

declare module "@/lib/rooms" {
  interface Rooms {
    triggers: typeof routes;
  }
}
