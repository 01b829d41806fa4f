/** The inputs of a workflow as fields, whoever asks for them: a run, or a schedule that will. */
import type { ReactNode } from "react";

import type { AssetEntry, AssetFieldProps } from "@/lib/asset-entry";
import type { InputFieldsProps } from "@/lib/input-fields";
import { filePort, isList } from "@/lib/run-values";

import { InputField } from "./input-field";

type Props = InputFieldsProps & { renderAssets: (props: AssetFieldProps) => ReactNode };

export function InputFields({ specs, values, complaintsOf, onChange, renderAssets }: Props) {
  return specs.map((spec) => {
    const complaints = complaintsOf(spec.name);
    const port = filePort(spec);
    if (port === null) {
      return (
        <InputField
          key={spec.name}
          spec={spec}
          value={values[spec.name] ?? ""}
          complaints={complaints}
          onChange={(value) => onChange(spec.name, value)}
        />
      );
    }
    return (
      <div key={spec.name}>
        {renderAssets({
          label: spec.label,
          hint: spec.description ?? undefined,
          isOptional: !spec.isRequired,
          port,
          isList: isList(spec),
          max: isList(spec) ? spec.max : 1,
          entries: (values[spec.name] ?? []) as readonly AssetEntry[],
          onChange: (update) => onChange(spec.name, (before) => update(before as readonly AssetEntry[])),
          complaints,
        })}
      </div>
    );
  });
}
