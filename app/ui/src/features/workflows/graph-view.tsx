/** The steps of a workflow and what leads to what. */
import WorkflowGraph from "@/components/graph/workflow-graph";
import { useStepTitles } from "@/lib/catalog";
import type { Workflow } from "@/lib/types";

export function GraphView({ workflow }: { workflow: Workflow }) {
  return <WorkflowGraph definition={workflow.definition} titles={useStepTitles()} className="h-[60dvh]" />;
}
