/** What a form with the inputs of a workflow in it asks of their fields. */
import type { InputSpec } from "@/lib/definition";
import type { FieldValue, FieldValues } from "@/lib/run-values";

export type FieldChange = FieldValue | ((before: FieldValue) => FieldValue);

export type InputFieldsProps = {
  specs: readonly InputSpec[];
  values: FieldValues;
  complaintsOf: (name: string) => readonly string[];
  onChange: (name: string, next: FieldChange) => void;
};

/** The values with one of them changed. */
export function changed(values: FieldValues, name: string, next: FieldChange): FieldValues {
  return { ...values, [name]: typeof next === "function" ? next(values[name] ?? "") : next };
}
