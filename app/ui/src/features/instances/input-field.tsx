/** One input of a workflow as a control: the type, the bounds and the choices decide which. */
import { useId } from "react";

import { Complaints, Field } from "@/components/field";
import { Input, Select, Textarea } from "@/components/ui/input";
import { Switch } from "@/components/ui/switch";
import type { InputSpec } from "@/lib/definition";
import { isJson, isTicked, type FieldValue } from "@/lib/run-values";

import { t } from "./messages";

type InputFieldProps = {
  spec: InputSpec;
  value: FieldValue;
  complaints: readonly string[];
  onChange: (value: FieldValue) => void;
};

function bounds(spec: InputSpec): string | null {
  if (spec.type !== "number") return null;
  if (spec.min !== null && spec.max !== null) return t("run.between", { min: spec.min, max: spec.max });
  if (spec.min !== null) return t("run.at_least", { min: spec.min });
  if (spec.max !== null) return t("run.at_most", { max: spec.max });
  return null;
}

function Ticks({ spec, value, onChange }: Pick<InputFieldProps, "spec" | "onChange"> & { value: readonly string[] }) {
  return (
    <div className="flex flex-wrap gap-x-5 gap-y-2 pt-0.5">
      {spec.choices.map((choice) => {
        const key = JSON.stringify(choice);
        return (
          <label key={key} className="flex items-center gap-2 text-sm">
            <input
              type="checkbox"
              className="size-4 accent-accent"
              checked={value.includes(key)}
              onChange={(event) =>
                onChange(event.target.checked ? [...value, key] : value.filter((entry) => entry !== key))
              }
            />
            {String(choice)}
          </label>
        );
      })}
    </div>
  );
}

/** A yes or no reads best with its words beside the switch. */
function YesNo({ spec, isOn, complaints, onChange }: Omit<InputFieldProps, "value"> & { isOn: boolean }) {
  const id = useId();
  return (
    <div>
      <div className="flex items-start gap-3">
        <Switch id={id} checked={isOn} onCheckedChange={onChange} aria-describedby={`${id}-hint`} />
        <div>
          <label htmlFor={id} className="block text-[13px] leading-5.5 font-medium">
            {spec.label}
          </label>
          <p id={`${id}-hint`} className="text-xs text-soft">
            {spec.description}
          </p>
        </div>
      </div>
      <Complaints list={complaints} />
    </div>
  );
}

export function InputField({ spec, value, complaints, onChange }: InputFieldProps) {
  const hint = [spec.description, bounds(spec)].filter(Boolean).join(" · ") || undefined;
  const text = typeof value === "string" ? value : "";
  if (typeof value === "boolean") return <YesNo spec={spec} isOn={value} complaints={complaints} onChange={onChange} />;
  return (
    <Field
      label={spec.label}
      hint={hint}
      complaints={complaints}
      isOptional={!spec.isRequired && spec.default === null}
    >
      {(control) => {
        if (isTicked(spec)) {
          return (
            <div role="group" {...control} aria-label={spec.label}>
              <Ticks spec={spec} value={Array.isArray(value) ? (value as readonly string[]) : []} onChange={onChange} />
            </div>
          );
        }
        if (spec.choices.length > 0) {
          return (
            <Select {...control} value={text} onChange={(event) => onChange(event.target.value)}>
              {text === "" || !spec.isRequired ? <option value="">{t("run.choose")}</option> : null}
              {spec.choices.map((choice) => (
                <option key={String(choice)} value={JSON.stringify(choice)}>
                  {String(choice)}
                </option>
              ))}
            </Select>
          );
        }
        if (isJson(spec) || spec.isMultiline) {
          return (
            <Textarea
              {...control}
              rows={isJson(spec) ? 5 : 4}
              spellCheck={isJson(spec) ? false : undefined}
              className={isJson(spec) ? "font-mono text-[13px]" : undefined}
              placeholder={spec.placeholder ?? undefined}
              value={text}
              onChange={(event) => onChange(event.target.value)}
            />
          );
        }
        return (
          <Input
            {...control}
            {...(spec.type === "number" ? { inputMode: "decimal" } : {})}
            autoComplete="off"
            placeholder={spec.placeholder ?? undefined}
            maxLength={spec.type === "text" ? (spec.max ?? undefined) : undefined}
            value={text}
            onChange={(event) => onChange(event.target.value)}
            className={spec.type === "number" ? "max-w-48 tabular-nums" : undefined}
          />
        );
      }}
    </Field>
  );
}
