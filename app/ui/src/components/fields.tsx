/** The three controls that forms are mostly made of, each with its label, hint and complaints. */
import type { ComponentProps } from "react";

import { Field, type FieldProps } from "@/components/field";
import { Input, Select } from "@/components/ui/input";

type About = Omit<FieldProps, "children">;
type Rest = Omit<ComponentProps<"input">, keyof About | "id" | "value" | "onChange">;

type TextProps = About & Rest & { value: string | undefined; onChange: (text: string) => void };

/** One line. What the browser would fill in is another thing nearly everywhere, so it is asked not to. */
export function TextField({ label, hint, complaints, isOptional, className, value, onChange, ...rest }: TextProps) {
  return (
    <Field {...{ label, hint, complaints, isOptional, className }}>
      {(control) => (
        <Input
          autoComplete="off"
          {...rest}
          {...control}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

type NumberProps = About & { value: number | undefined; min: number; max: number; onChange: (number: number) => void };

/** A whole number; 0 where nothing is written, so that the next digit makes one of it. */
export function NumberField({ label, hint, complaints, isOptional, className, onChange, ...rest }: NumberProps) {
  return (
    <Field {...{ label, hint, complaints, isOptional, className }}>
      {(control) => (
        <Input {...rest} {...control} type="number" onChange={(event) => onChange(event.target.valueAsNumber || 0)} />
      )}
    </Field>
  );
}

type ChoiceProps<Choice extends string> = About & {
  value: Choice | undefined;
  choices: readonly Choice[];
  nameOf: (choice: Choice) => string;
  onChange: (choice: Choice) => void;
};

/** One of a few. */
export function ChoiceField<Choice extends string>(props: ChoiceProps<Choice>) {
  const { label, hint, complaints, isOptional, className, value, choices, nameOf, onChange } = props;
  return (
    <Field {...{ label, hint, complaints, isOptional, className }}>
      {(control) => (
        <Select
          {...control}
          value={value}
          onChange={(event) => {
            const chosen = choices.find((one) => one === event.target.value);
            if (chosen !== undefined) onChange(chosen);
          }}
        >
          {choices.map((one) => (
            <option key={one} value={one}>
              {nameOf(one)}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}
