/** One click when the workflow can start with what it has; otherwise its form. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { toast } from "sonner";

import { Button } from "@/components/ui/button";
import { api, take } from "@/lib/api";
import { readInputs } from "@/lib/definition";
import { asProblem } from "@/lib/problem";
import { filePort, isList, toInputs } from "@/lib/run-values";
import type { Instance, WorkflowSummary } from "@/lib/types";
import { workflowQuery } from "@/lib/workflow";

import { startInstance } from "./api";
import { t } from "./messages";

type QuickRunProps = {
  workflow: WorkflowSummary;
  onStarted: (instanceId: string) => void;
  /** It needs answers first. */
  onAsk: () => void;
};

/** The sample comes with photos of its own; they fill the file inputs nobody has filled yet. */
async function withSamples(definition: unknown): Promise<Record<string, unknown>> {
  const specs = readInputs(definition);
  const { inputs } = toInputs(specs, {});
  for (const spec of specs) {
    const port = filePort(spec);
    if (port === null || spec.name in inputs) continue;
    const kind = port === "file" ? null : port;
    const { items } = await take(
      api.GET("/api/v1/assets", { params: { query: { source: ["sample"], kind, limit: 12 } } }),
    );
    // Their names begin with their place in the story.
    const files = items.sort((one, other) => one.name.localeCompare(other.name)).map((asset) => ({ asset: asset.id }));
    if (files[0]) inputs[spec.name] = isList(spec) ? files : files[0];
  }
  return inputs;
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
