/** The rooms of workflows: all of them, a new one, and one of them from every side. */
import { useSuspenseQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { Suspense } from "react";

import { tabs } from "@/app/found";
import { t, tn } from "@/app/messages";
import { Page } from "@/components/page";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { Tab, TabPanel, Tabs, TabsList } from "@/components/ui/tabs";
import { QuickRun } from "@/features/instances/quick-run";
import { ExportButton } from "@/features/workflows/export-button";
import { ImportButton, ImportZone, useArrival } from "@/features/workflows/import-file";
import { NewWorkflow } from "@/features/workflows/new-workflow";
import { WorkflowList } from "@/features/workflows/workflow-list";
import { readGraph } from "@/lib/definition";
import { useMay } from "@/lib/me";
import { workflowQuery } from "@/lib/workflow";

export function WorkflowsPage() {
  const mayEdit = useMay("editor");
  const mayRun = useMay("operator");
  const navigate = useNavigate();
  const arrival = useArrival(
    (workflowId) => void navigate({ to: "/workflows/$workflowId", params: { workflowId }, search: { tab: "run" } }),
  );
  const list = (
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
  );
  return (
    <Page
      title={t("workflows.heading")}
      subtitle={t("workflows.subtitle")}
      actions={
        mayEdit ? (
          <>
            <ImportButton arrival={arrival} />
            <Button asChild variant="primary">
              <Link to="/workflows/new">
                <Plus aria-hidden /> {t("workflows.new")}
              </Link>
            </Button>
          </>
        ) : undefined
      }
    >
      {mayEdit ? <ImportZone arrival={arrival}>{list}</ImportZone> : list}
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

const route = getRouteApi("/house/workflows/$workflowId");

export function WorkflowPage() {
  const { workflowId } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const workflow = useSuspenseQuery(workflowQuery(workflowId)).data;
  const written = workflow.definition["description"];
  const description = workflow.description || (typeof written === "string" ? written : "");
  const tab = tabs.find(({ id }) => id === search.tab) ?? tabs[0];

  return (
    <Page
      title={workflow.name}
      trail={<Link to="/workflows">{t("workflows.heading")}</Link>}
      badge={
        workflow.draft_version === null ? undefined : (
          <Link
            to="."
            search={{ tab: "versions" }}
            className="rounded-full bg-waiting-soft px-2.5 py-0.5 text-xs font-medium text-waiting hover:underline"
          >
            {t("workflows.draft_number", { number: workflow.draft_version })}
          </Link>
        )
      }
      actions={<ExportButton workflowId={workflow.id} />}
      subtitle={
        <span className="text-[13px]">
          {t("workflows.version", { number: workflow.version })} ·{" "}
          {tn("workflows.steps", readGraph(workflow.definition).nodes.length)}
          {description === "" ? null : <span className="block max-w-prose text-sm">{description}</span>}
        </span>
      }
    >
      <Tabs value={tab?.id ?? ""} onValueChange={(id) => void navigate({ search: { tab: id }, replace: true })}>
        <TabsList aria-label={t("workflows.tabs")}>
          {tabs.map(({ id, name }) => (
            <Tab key={id} value={id}>
              {name()}
            </Tab>
          ))}
        </TabsList>
        {tabs.map(({ id, Panel }) => (
          <TabPanel key={id} value={id}>
            <Suspense fallback={<Skeleton className="h-[60dvh] rounded-xl" />}>
              <Panel workflow={workflow} />
            </Suspense>
          </TabPanel>
        ))}
      </Tabs>
    </Page>
  );
}
