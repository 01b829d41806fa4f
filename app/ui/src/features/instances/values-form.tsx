/** Values that a person gives to a step or an item by hand; only what was changed is sent. */
import { useState, type ReactNode } from "react";

import { FailureNote } from "@/components/problem-note";
import { Skeleton } from "@/components/ui/skeleton";
import { useAssetFields } from "@/lib/asset-fields";
import { useStepType } from "@/lib/catalog";
import type { Instance, Step } from "@/lib/types";

import { useRerunStep, type Values } from "./control";
import { InputForm } from "./input-form";
import { t } from "./messages";
import { changes, portSpecs } from "./port-specs";

type Side = "with" | "outputs";

type ValuesFormProps = {
  instance: Instance;
  step: Step;
  /** Inputs of a step or of one item, or the outputs of a step. */
  side: Side;
  label: string;
  action: ReactNode;
  /** An item may run again as it is; outputs that stay are no edit. */
  mayStay: boolean;
};

export function ValuesForm({ instance, step, side, label, action, mayStay }: ValuesFormProps) {
  const type = useStepType(step.kind);
  const again = useRerunStep(instance.id, step.id);
  const renderAssets = useAssetFields();
  const [isUnchanged, setUnchanged] = useState(false);
  if (type === undefined) return <Skeleton className="h-40 rounded-lg" />;
  const before: Values = (side === "with" ? step.inputs : step.outputs) ?? {};
  const specs =
    side === "with"
      ? portSpecs(type.inputs, type.input_schema, before)
      : portSpecs(type.outputs, type.output_schema, before, step.items !== null);
  return (
    <>
      <InputForm
        label={label}
        specs={specs}
        given={before}
        sending={again}
        renderAssets={renderAssets}
        onSend={(now) => {
          const changed = changes(specs, before, now);
          const isNothing = Object.keys(changed).length === 0;
          setUnchanged(isNothing && !mayStay);
          if (isNothing && !mayStay) return;
          again.mutate(side === "with" ? { with: changed } : { outputs: changed });
        }}
        empty=""
        action={action}
      />
      {isUnchanged ? <FailureNote heading={t("again.unchanged")} remedy={null} className="mt-3" /> : null}
    </>
  );
}
