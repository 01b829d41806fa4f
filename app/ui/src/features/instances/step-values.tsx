/** What went into a step or came out of it, under the names and with the units that its type declares. */
import { useStepType } from "@/lib/catalog";

import { portLooks } from "./port-specs";
import { ValueList } from "./value-view";

type StepValuesProps = { kind: string; side: "inputs" | "outputs"; values: Record<string, unknown> };

export function StepValues({ kind, side, values }: StepValuesProps) {
  const type = useStepType(kind);
  const looks =
    type === undefined
      ? undefined
      : side === "inputs"
        ? portLooks(type.inputs, type.input_schema)
        : portLooks(type.outputs, type.output_schema);
  return <ValueList values={values} looks={looks} />;
}
