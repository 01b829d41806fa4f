/** Where the inputs of the workflow come from: fields of the same name, or an expression for each. */
import { Field } from "@/components/field";
import { Input, Select } from "@/components/ui/input";
import type { InputSpec } from "@/lib/definition";

import { t } from "./messages";

/** By input; null: by name. A text that holds no expression is a value as it stands. */
export type Mapping = Record<string, string> | null;

type Props = {
  specs: readonly InputSpec[];
  mapping: Mapping;
  complaintsOf: (field: string) => readonly string[];
  onChange: (mapping: Mapping) => void;
};

const EXAMPLE = "{{ body.title }}";

export function MappingField({ specs, mapping, complaintsOf, onChange }: Props) {
  if (specs.length === 0) {
    return (
      <div>
        <p className="mb-1.5 text-[13px] font-medium">{t("mapping.label")}</p>
        <p className="text-soft">{t("mapping.none")}</p>
      </div>
    );
  }
  const byName = Object.fromEntries(specs.map((spec) => [spec.name, `{{ body.${spec.name} }}`]));
  return (
    <div className="space-y-4">
      <Field
        label={t("mapping.label")}
        hint={mapping === null ? t("mapping.payload") : t("mapping.hint", { example: EXAMPLE })}
      >
        {(control) => (
          <Select
            {...control}
            value={mapping === null ? "name" : "rule"}
            onChange={(event) => onChange(event.target.value === "name" ? null : byName)}
          >
            <option value="name">{t("mapping.by_name")}</option>
            <option value="rule">{t("mapping.by_rule")}</option>
          </Select>
        )}
      </Field>
      {mapping === null
        ? null
        : specs.map((spec) => (
            <Field
              key={spec.name}
              label={spec.label}
              isOptional={!spec.isRequired}
              complaints={complaintsOf(`inputs.${spec.name}`)}
            >
              {(control) => (
                <Input
                  {...control}
                  autoComplete="off"
                  spellCheck={false}
                  className="font-mono text-[13px]"
                  value={mapping[spec.name] ?? ""}
                  onChange={(event) => onChange({ ...mapping, [spec.name]: event.target.value })}
                />
              )}
            </Field>
          ))}
    </div>
  );
}
