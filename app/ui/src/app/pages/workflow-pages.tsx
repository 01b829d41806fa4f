/** The rooms of workflows: all of them, a new one, and one of them from every side. */
import { useSuspenseQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { lazy, Suspense } from "react";

import { Page } from "@/components/page";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { Tab, TabPanel, Tabs, TabsList } from "@/components/ui/tabs";
import { AssetField } from "@/features/assets/asset-field";
import { InstanceList } from "@/features/instances/instance-list";
import { QuickRun } from "@/features/instances/quick-run";
import { RunForm } from "@/features/instances/run-form";
import { JsonView } from "@/features/workflows/json-view";
import { NewWorkflow } from "@/features/workflows/new-workflow";
import { VersionList } from "@/features/workflows/version-list";
import { WorkflowList } from "@/features/workflows/workflow-list";
import { useStepTitles } from "@/lib/catalog";
import { readGraph } from "@/lib/definition";
import { useMay } from "@/lib/me";
import { t, tn, type PlainKey } from "@/lib/messages";
import { workflowQuery } from "@/lib/workflow";

const WorkflowGraph = lazy(() => import("@/components/graph/workflow-graph"));

export function WorkflowsPage() {
  const mayEdit = useMay("editor");
  const mayRun = useMay("operator");
  const navigate = useNavigate();
  return (
    <Page
      title={t("workflows.heading")}
      subtitle={t("workflows.subtitle")}
      actions={
        mayEdit ? (
          <Button asChild variant="primary">
            <Link to="/workflows/new">
              <Plus aria-hidden /> {t("workflows.new")}
            </Link>
          </Button>
        ) : undefined
      }
    >
      <WorkflowList
        renderRun={(workflow) =>
          mayRun ? (
            <QuickRun
              workflow={workflow}
              onStarted={(instanceId) => void navigate({ to: "/instances/$instanceId", params: { instanceId } })}
              onAsk={() =>
                void navigate({
                  to: "/workflows/$workflowId",
                  params: { workflowId: workflow.id },
                  search: { tab: "run" },
                })
              }
            />
          ) : null
        }
      />
    </Page>
  );
}

export function NewWorkflowPage() {
  const navigate = useNavigate();
  return (
    <Page
      title={t("workflows.new_title")}
      subtitle={t("workflows.new_subtitle")}
      trail={<Link to="/workflows">{t("workflows.heading")}</Link>}
    >
      <NewWorkflow
        onCreated={(workflowId) =>
          void navigate({ to: "/workflows/$workflowId", params: { workflowId }, search: { tab: "run" } })
        }
      />
    </Page>
  );
}

export const WORKFLOW_TABS = ["run", "graph", "json", "versions", "instances"] as const;
type WorkflowTab = (typeof WORKFLOW_TABS)[number];

const TAB_NAMES: Record<WorkflowTab, PlainKey> = {
  run: "workflows.tab_run",
  graph: "workflows.tab_graph",
  json: "workflows.tab_json",
  versions: "workflows.tab_versions",
  instances: "workflows.tab_instances",
};

const route = getRouteApi("/house/workflows/$workflowId");

export function WorkflowPage() {
  const { workflowId } = route.useParams();
  const { tab = "run", from } = route.useSearch();
  const navigate = route.useNavigate();
  const workflow = useSuspenseQuery(workflowQuery(workflowId)).data;
  const titles = useStepTitles();
  const mayRun = useMay("operator");
  const written = workflow.definition["description"];
  const description = workflow.description || (typeof written === "string" ? written : "");

  return (
    <Page
      title={workflow.name}
      trail={<Link to="/workflows">{t("workflows.heading")}</Link>}
      subtitle={
        <span className="text-[13px]">
          {t("workflows.version", { number: workflow.version })} ·{" "}
          {tn("workflows.steps", readGraph(workflow.definition).nodes.length)}
          {description === "" ? null : <span className="block max-w-prose text-sm">{description}</span>}
        </span>
      }
    >
      <Tabs
        value={tab}
        onValueChange={(next) => void navigate({ search: { tab: next as WorkflowTab }, replace: true })}
      >
        <TabsList aria-label={t("workflows.tabs")}>
          {WORKFLOW_TABS.map((name) => (
            <Tab key={name} value={name}>
              {t(TAB_NAMES[name])}
            </Tab>
          ))}
        </TabsList>
        <TabPanel value="run">
          {mayRun ? (
            <div className="grid items-start gap-8 lg:grid-cols-[minmax(0,42rem)_minmax(0,1fr)]">
              <RunForm
                key={`${workflow.id}-${String(workflow.version)}-${from ?? ""}`}
                workflowId={workflow.id}
                definition={workflow.definition}
                from={from ?? null}
                renderAssets={(props) => <AssetField {...props} />}
                onStarted={(instanceId) => void navigate({ to: "/instances/$instanceId", params: { instanceId } })}
              />
              <Suspense fallback={<Skeleton className="h-80 rounded-xl max-lg:hidden" />}>
                <WorkflowGraph
                  key={workflow.version}
                  definition={workflow.definition}
                  titles={titles}
                  direction="down"
                  className="sticky top-6 h-[min(26rem,70dvh)] max-lg:hidden"
                />
              </Suspense>
            </div>
          ) : (
            <p className="text-soft">{t("run.viewer")}</p>
          )}
        </TabPanel>
        <TabPanel value="graph">
          <Suspense fallback={<Skeleton className="h-[60dvh] rounded-xl" />}>
            <WorkflowGraph definition={workflow.definition} titles={titles} className="h-[60dvh]" />
          </Suspense>
        </TabPanel>
        <TabPanel value="json">
          <JsonView key={workflow.id} workflow={workflow} />
        </TabPanel>
        <TabPanel value="versions">
          <Suspense fallback={<Skeleton className="h-40 rounded-xl" />}>
            <VersionList workflowId={workflow.id} latest={workflow.version} />
          </Suspense>
        </TabPanel>
        <TabPanel value="instances">
          <Suspense fallback={<Skeleton className="h-40 rounded-xl" />}>
            <InstanceList workflowId={workflow.id} />
          </Suspense>
        </TabPanel>
      </Tabs>
    </Page>
  );
}
