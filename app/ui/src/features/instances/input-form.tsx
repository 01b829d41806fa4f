/** A form made from what a workflow asks for: when it starts, or in the middle of a run. */
import { Images } from "lucide-react";
import { useRef, useState, type SyntheticEvent, type ReactNode } from "react";

import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import type { AssetFieldProps } from "@/lib/asset-entry";
import type { InputSpec } from "@/lib/definition";
import { useFirstComplaint } from "@/lib/first-complaint";
import { changed, type FieldChange } from "@/lib/input-fields";
import { asProblem } from "@/lib/problem";
import { fieldOf, initialValue, toInputs, type FieldValues } from "@/lib/run-values";

import { InputFields } from "./input-fields";
import { t } from "./messages";

type Sending = { isPending: boolean; error: unknown; reset: () => void };

type InputFormProps = {
  label: string;
  specs: readonly InputSpec[];
  /** Values to begin with, where there are some; else the defaults. */
  given: Record<string, unknown>;
  /** How the last sending stands; what it was refused for is shown at the fields. */
  sending: Sending;
  renderAssets: (props: AssetFieldProps) => ReactNode;
  onSend: (inputs: Record<string, unknown>) => void;
  /** Stands there when nothing is asked for. */
  empty: string;
  /** Between the fields and the button: how it is to be sent. */
  children?: ReactNode;
  action: ReactNode;
  /** Values that one press fills in. */
  suggestion?: { label: string; values: Record<string, unknown> };
  /** A second button, for what is not sent yet. */
  trial?: { label: string; onTry: (inputs: Record<string, unknown>) => void };
};

export function InputForm({
  label,
  specs,
  given,
  sending,
  renderAssets,
  onSend,
  empty,
  children,
  action,
  suggestion,
  trial,
}: InputFormProps) {
  const form = useRef<HTMLFormElement>(null);
  const [values, setValues] = useState<FieldValues>(() =>
    Object.fromEntries(specs.map((spec) => [spec.name, initialValue(spec, given[spec.name] ?? spec.default)])),
  );
  const [missing, setMissing] = useState<Record<string, string[]>>({});
  const [tries, setTries] = useState(0);
  const outcome = toInputs(specs, values);
  useFirstComplaint(form, sending.error, tries);

  const refused = sending.error ? asProblem(sending.error).complaints : [];
  const names = new Set(specs.map((spec) => spec.name));
  const complaintsOf = (name: string): string[] =>
    missing[name] ?? refused.filter((entry) => fieldOf(entry.field ?? "") === name).map((entry) => entry.message);
  const isPlaced = refused.length > 0 && refused.every((entry) => names.has(fieldOf(entry.field ?? "")));

  function change(name: string, next: FieldChange): void {
    setValues((before) => changed(before, name, next));
    setMissing((before) => Object.fromEntries(Object.entries(before).filter(([other]) => other !== name)));
    if (sending.error) sending.reset();
  }

  function hand(take: (inputs: Record<string, unknown>) => void): void {
    if (sending.isPending || outcome.waiting > 0) return;
    setMissing(outcome.complaints);
    if (Object.keys(outcome.complaints).length > 0) setTries((before) => before + 1);
    else take(outcome.inputs);
  }

  function submit(event: SyntheticEvent): void {
    event.preventDefault();
    hand(onSend);
  }

  function fill(given: Record<string, unknown>): void {
    for (const spec of specs) if (spec.name in given) change(spec.name, initialValue(spec, given[spec.name]));
  }

  return (
    <form ref={form} onSubmit={submit} noValidate className="space-y-5" aria-label={label}>
      {specs.length === 0 ? <p className="text-soft">{empty}</p> : null}
      {suggestion === undefined ? null : (
        <Button size="sm" onClick={() => fill(suggestion.values)}>
          <Images aria-hidden /> {suggestion.label}
        </Button>
      )}
      <InputFields
        specs={specs}
        values={values}
        complaintsOf={complaintsOf}
        onChange={change}
        renderAssets={renderAssets}
      />
      {children}
      {sending.error && !isPlaced ? <ProblemNote error={sending.error} /> : null}
      <div className="flex flex-wrap items-center gap-3">
        <Button type="submit" variant="primary" size="lg" isBusy={sending.isPending} disabled={outcome.waiting > 0}>
          {action}
        </Button>
        {trial === undefined ? null : (
          <Button size="lg" variant="quiet" disabled={outcome.waiting > 0} onClick={() => hand(trial.onTry)}>
            {trial.label}
          </Button>
        )}
        <span className="text-[13px] text-soft" role="status">
          {outcome.waiting > 0 ? t("run.waiting_uploads") : ""}
        </span>
      </div>
    </form>
  );
}
