/** Workflows: what this organization can run. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { Workflow } from "lucide-react";
import { lazy } from "react";

import { t } from "@/app/messages";
import { versionsQuery, workflowsQuery } from "@/features/workflows/api";
import { textOf } from "@/lib/addresses";
import { house, type Door, type WorkflowTab } from "@/lib/rooms";
import { workflowQuery } from "@/lib/workflow";

const workflows = createRoute({
  getParentRoute: () => house,
  path: "/workflows",
  loader: ({ context }) => context.cache.infiniteQuery({ ...workflowsQuery, staleTime: "static" }),
  component: lazyRouteComponent(() => import("@/app/pages/workflows"), "WorkflowsPage"),
});

const newWorkflow = createRoute({
  getParentRoute: () => house,
  path: "/workflows/new",
  component: lazyRouteComponent(() => import("@/app/pages/workflows"), "NewWorkflowPage"),
});

const workflow = createRoute({
  getParentRoute: () => house,
  path: "/workflows/$workflowId",
  // `of` and `entry`: a trigger, and what of its log is to be shown.
  validateSearch: (search): { tab?: string; from?: string; of?: string; entry?: string } => ({
    tab: textOf(search["tab"]),
    from: textOf(search["from"]),
    of: textOf(search["of"]),
    entry: textOf(search["entry"]),
  }),
  loader: ({ context, params }) => {
    void context.cache.infiniteQuery(versionsQuery(params.workflowId)).catch(() => undefined);
    return context.cache.query({ ...workflowQuery(params.workflowId), staleTime: "static" });
  },
  component: lazyRouteComponent(() => import("@/app/pages/workflows"), "WorkflowPage"),
});

const RunPanel = lazy(() => import("@/app/pages/run-panel").then((module) => ({ default: module.RunPanel })));

export const routes = [workflows, newWorkflow, workflow];
export const door: Door = {
  to: "/workflows",
  icon: Workflow,
  name: () => t("workflows.heading"),
  group: "work",
  place: 10,
};
export const tabs: readonly WorkflowTab[] = [
  { id: "run", name: () => t("workflows.tab_run"), place: 10, Panel: RunPanel },
];

declare module "@/lib/rooms" {
  interface Rooms {
    workflows: typeof routes;
  }
}
