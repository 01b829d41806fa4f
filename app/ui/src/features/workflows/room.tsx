/** What a workflow is, from three sides; its page is furnished in src/app/rooms/workflows.tsx. */
import { lazy } from "react";

import type { WorkflowTab } from "@/lib/rooms";

import { t } from "./messages";

const GraphView = lazy(() => import("./graph-view").then((module) => ({ default: module.GraphView })));
const JsonView = lazy(() => import("./json-view").then((module) => ({ default: module.JsonView })));
const VersionList = lazy(() => import("./version-list").then((module) => ({ default: module.VersionList })));

export const tabs: readonly WorkflowTab[] = [
  { id: "graph", name: () => t("workflows.tab_graph"), place: 20, Panel: GraphView },
  {
    id: "json",
    name: () => t("workflows.tab_json"),
    place: 30,
    Panel: ({ workflow }) => <JsonView key={workflow.id} workflow={workflow} />,
  },
  {
    id: "versions",
    name: () => t("workflows.tab_versions"),
    place: 40,
    Panel: VersionList,
  },
];
