/** The steps of a workflow and what leads to what. */
import WorkflowGraph from "@/components/graph/workflow-graph";
import { NoSteps } from "@/components/no-steps";
import { useStepTitles } from "@/lib/catalog";
import { readGraph } from "@/lib/definition";
import { useIsNarrow } from "@/lib/narrow";
import type { Workflow } from "@/lib/types";

export function GraphView({ workflow }: { workflow: Workflow }) {
  const titles = useStepTitles();
  const isNarrow = useIsNarrow();
  if (readGraph(workflow.definition).nodes.length === 0) return <NoSteps workflowId={workflow.id} />;
  return (
    <WorkflowGraph
      definition={workflow.definition}
      titles={titles}
      direction={isNarrow ? "down" : "right"}
      className="h-[60dvh]"
    />
  );
}
