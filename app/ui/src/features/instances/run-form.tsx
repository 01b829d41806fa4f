/** The form of a workflow, made from its inputs; sending it starts an instance. */
import { useQuery } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { useId, useState, type ReactNode } from "react";

import { Skeleton } from "@/components/ui/skeleton";
import { Switch } from "@/components/ui/switch";
import type { AssetFieldProps } from "@/lib/asset-entry";
import { readInputs } from "@/lib/definition";
import type { Instance } from "@/lib/types";

import { instanceQuery, startInstance, useStart } from "./api";
import { rerunInstance } from "./control";
import { ENDED } from "./ends";
import { InputForm } from "./input-form";
import { t } from "./messages";

type RunFormProps = {
  workflowId: string;
  definition: unknown;
  /** An earlier instance whose inputs to start from. */
  from: string | null;
  renderAssets: (props: AssetFieldProps) => ReactNode;
  onStarted: (instanceId: string) => void;
};

export function RunForm({ workflowId, definition, from, renderAssets, onStarted }: RunFormProps) {
  const earlier = useQuery({ ...instanceQuery(from ?? ""), enabled: from !== null });
  const [keeps, setKeeps] = useState(false);
  const origin = goesOnFrom(earlier.data);
  const specs = readInputs(definition);
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
    <InputForm
      label={t("run.form")}
      specs={specs}
      given={earlier.data?.inputs ?? {}}
      sending={start}
      renderAssets={renderAssets}
      onSend={(inputs) => start.mutate(inputs, { onSuccess: (made) => onStarted(made.id) })}
      empty={t("run.no_inputs")}
      action={
        <>
          {start.isPending ? null : <Play aria-hidden />} {t("run.start")}
        </>
      }
    >
      {origin === null ? null : <KeepSwitch isOn={keeps} onChange={setKeeps} />}
    </InputForm>
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
