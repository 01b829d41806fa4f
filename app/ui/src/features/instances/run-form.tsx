/** The form of a workflow, made from its inputs; sending it starts an instance. */
import { useQuery } from "@tanstack/react-query";
import { Play } from "lucide-react";
import type { ReactNode } from "react";

import { Skeleton } from "@/components/ui/skeleton";
import type { AssetFieldProps } from "@/lib/asset-entry";
import { readInputs } from "@/lib/definition";

import { instanceQuery, useStart } from "./api";
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
  const start = useStart();
  if (from !== null && earlier.isPending) return <Skeleton className="h-64 rounded-xl" />;
  return (
    <InputForm
      label={t("run.form")}
      specs={readInputs(definition)}
      given={earlier.data?.inputs ?? {}}
      sending={start}
      renderAssets={renderAssets}
      onSend={(inputs, onError) =>
        start.mutate({ workflow_id: workflowId, inputs }, { onSuccess: (made) => onStarted(made.id), onError })
      }
      empty={t("run.no_inputs")}
      action={
        <>
          {start.isPending ? null : <Play aria-hidden />} {t("run.start")}
        </>
      }
    />
  );
}
