/** The form of a workflow, made from its inputs; sending it starts an instance. */
import { useQuery } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { useId, useState, type ReactNode } from "react";

import { Skeleton } from "@/components/ui/skeleton";
import { Switch } from "@/components/ui/switch";
import type { AssetFieldProps } from "@/lib/asset-entry";
import { readInputs } from "@/lib/definition";
import type { Instance, Workflow } from "@/lib/types";

import { instanceQuery, startInstance, useStart, type Start } from "./api";
import { rerunInstance } from "./control";
import { ENDED } from "./ends";
import { InputForm } from "./input-form";
import { t } from "./messages";
import { PlanWindow } from "./plan-window";
import { samplesQuery } from "./samples";

type RunFormProps = {
  workflow: Workflow;
  /** An earlier instance whose inputs to start from. */
  from: string | null;
  renderAssets: (props: AssetFieldProps) => ReactNode;
  onStarted: (instanceId: string) => void;
};

export function RunForm({ workflow, from, renderAssets, onStarted }: RunFormProps) {
  const workflowId = workflow.id;
  const earlier = useQuery({ ...instanceQuery(from ?? ""), enabled: from !== null });
  const [keeps, setKeeps] = useState(false);
  const origin = goesOnFrom(earlier.data);
  const [tried, setTried] = useState<Start | null>(null);
  const specs = readInputs(workflow.definition);
  const samples = useQuery({ ...samplesQuery(workflowId, specs), enabled: workflow.is_sample }).data ?? {};
  const start = useStart((inputs: Record<string, unknown>) =>
    origin === null
      ? startInstance({ workflow_id: workflowId, inputs })
      : // What was emptied is told, too: else the earlier value would stay.
        rerunInstance(origin, {
          inputs: { ...Object.fromEntries(specs.map(({ name }) => [name, null])), ...inputs },
          keep: keeps,
          version: "newest",
        }),
  );
  if (from !== null && earlier.isPending) return <Skeleton className="h-64 rounded-xl" />;
  return (
    <>
      <InputForm
        label={t("run.form")}
        specs={specs}
        given={earlier.data?.inputs ?? {}}
        sending={start}
        renderAssets={renderAssets}
        onSend={(inputs) => start.mutate(inputs, { onSuccess: (made) => onStarted(made.id) })}
        empty={t("run.no_inputs")}
        suggestion={Object.keys(samples).length > 0 ? { label: t("run.samples"), values: samples } : undefined}
        trial={
          origin === null
            ? { label: t("run.plan"), onTry: (inputs) => setTried({ workflow_id: workflowId, inputs }) }
            : undefined
        }
        action={
          <>
            {start.isPending ? null : <Play aria-hidden />} {t("run.start")}
          </>
        }
      >
        {origin === null ? null : <KeepSwitch isOn={keeps} onChange={setKeeps} />}
      </InputForm>
      <PlanWindow start={tried} onClose={() => setTried(null)} />
    </>
  );
}

/** The instance that the new one takes over from; null where it begins by itself. */
function goesOnFrom(earlier: Instance | undefined): string | null {
  return earlier !== undefined && ENDED.has(earlier.status) && earlier.parent_id === null ? earlier.id : null;
}

function KeepSwitch({ isOn, onChange }: { isOn: boolean; onChange: (isOn: boolean) => void }) {
  const id = useId();
  return (
    <div className="flex items-start gap-3 border-t border-border pt-4">
      <Switch id={id} checked={isOn} onCheckedChange={onChange} aria-describedby={`${id}-hint`} />
      <div>
        <label htmlFor={id} className="block text-[13px] leading-5.5 font-medium">
          {t("again.keep")}
        </label>
        <p id={`${id}-hint`} className="text-xs text-soft">
          {t("again.keep_hint")}
        </p>
      </div>
    </div>
  );
}
