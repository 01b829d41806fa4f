/** The form that runs a workflow, beside the picture of what it does. */
import { getRouteApi } from "@tanstack/react-router";
import { lazy, Suspense } from "react";

import { t } from "@/app/messages";
import { NoSteps } from "@/components/no-steps";
import { Skeleton } from "@/components/ui/skeleton";
import { AssetField } from "@/features/assets/asset-field";
import { RunForm } from "@/features/instances/run-form";
import { useStepTitles } from "@/lib/catalog";
import { readGraph } from "@/lib/definition";
import { useMay } from "@/lib/me";
import type { Workflow } from "@/lib/types";

const WorkflowGraph = lazy(() => import("@/components/graph/workflow-graph"));
const route = getRouteApi("/house/workflows/$workflowId");

export function RunPanel({ workflow }: { workflow: Workflow }) {
  const { from } = route.useSearch();
  const navigate = route.useNavigate();
  const titles = useStepTitles();
  const mayRun = useMay("operator");
  if (readGraph(workflow.definition).nodes.length === 0) return <NoSteps workflowId={workflow.id} />;
  if (!mayRun) return <p className="text-soft">{t("run.viewer")}</p>;
  return (
    <div className="grid items-start gap-8 lg:grid-cols-[minmax(0,42rem)_minmax(0,1fr)]">
      <RunForm
        key={`${workflow.id}-${String(workflow.version)}-${from ?? ""}`}
        workflow={workflow}
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
  );
}
