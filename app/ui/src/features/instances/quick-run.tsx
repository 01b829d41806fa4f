/** One click when the workflow can start with what it has; otherwise its form. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { toast } from "sonner";

import { Button } from "@/components/ui/button";
import { readInputs } from "@/lib/definition";
import { asProblem } from "@/lib/problem";
import { initialValue, toInputs } from "@/lib/run-values";
import type { Instance, WorkflowSummary } from "@/lib/types";
import { workflowQuery } from "@/lib/workflow";

import { startInstance } from "./api";
import { t } from "./messages";
import { samplesFor } from "./samples";

type QuickRunProps = {
  workflow: WorkflowSummary;
  onStarted: (instanceId: string) => void;
  /** It needs answers first. */
  onAsk: () => void;
};

/** The sample comes with photos of its own; they fill the file inputs nobody has filled yet. */
async function withSamples(definition: unknown): Promise<Record<string, unknown>> {
  const specs = readInputs(definition);
  const samples = await samplesFor(specs);
  const values = Object.fromEntries(
    specs.map((spec) => [spec.name, initialValue(spec, samples[spec.name] ?? spec.default)]),
  );
  return toInputs(specs, values).inputs;
}

export function QuickRun({ workflow, onStarted, onAsk }: QuickRunProps) {
  const cache = useQueryClient();
  const run = useMutation({
    mutationFn: async (): Promise<Instance | null> => {
      const { definition } = await cache.query({ ...workflowQuery(workflow.id), staleTime: "static" });
      const specs = readInputs(definition);
      const outcome = toInputs(specs, {});
      const isReady = Object.keys(outcome.complaints).length === 0;
      if (!isReady && !workflow.is_sample) return null;
      const inputs = isReady ? outcome.inputs : await withSamples(definition);
      return startInstance({ workflow_id: workflow.id, inputs });
    },
    onSuccess: async (instance) => {
      if (instance === null) onAsk();
      else {
        await cache.invalidateQueries({ queryKey: ["instances", "list"] });
        onStarted(instance.id);
      }
    },
    onError: (error) => {
      const problem = asProblem(error);
      toast.error(problem.message, { description: problem.remedy ?? undefined });
      if (problem.status === 422) onAsk();
    },
  });
  return (
    <Button
      size="sm"
      isBusy={run.isPending}
      aria-label={t("run.run_named", { name: workflow.name })}
      onClick={() => run.mutate()}
    >
      {run.isPending ? null : <Play aria-hidden />} {t("run.run")}
    </Button>
  );
}
