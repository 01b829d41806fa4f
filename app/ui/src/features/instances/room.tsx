/** Instances: every run of every workflow, and each of them live. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { Play } from "lucide-react";
import { lazy } from "react";

import { house, type Door, type WorkflowTab } from "@/lib/rooms";

import { instanceQuery, instancesQuery, stepsQuery } from "./api";
import { t } from "./messages";

const instances = createRoute({
  getParentRoute: () => house,
  path: "/instances",
  loader: ({ context }) => context.cache.infiniteQuery({ ...instancesQuery(null), staleTime: "static" }),
  component: lazyRouteComponent(() => import("./instances-page"), "InstancesPage"),
});

const instance = createRoute({
  getParentRoute: () => house,
  path: "/instances/$instanceId",
  loader: ({ context, params }) =>
    Promise.all([
      context.cache.query({ ...instanceQuery(params.instanceId), staleTime: "static" }),
      context.cache.query({ ...stepsQuery(params.instanceId), staleTime: "static" }),
    ]),
  component: lazyRouteComponent(() => import("./instance-page"), "InstancePage"),
});

const InstanceList = lazy(() => import("./instance-list").then((module) => ({ default: module.InstanceList })));

export const routes = [instances, instance];
export const door: Door = {
  to: "/instances",
  icon: Play,
  name: () => t("instances.heading"),
  group: "work",
  place: 20,
};
export const tabs: readonly WorkflowTab[] = [
  {
    id: "instances",
    name: () => t("instances.heading"),
    place: 90,
    Panel: ({ workflow }) => <InstanceList workflowId={workflow.id} />,
  },
];

declare module "@/lib/rooms" {
  interface Rooms {
    instances: typeof routes;
  }
}
