/** The form of a workflow, made from its inputs; sending it starts an instance. */
import { useQuery } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { useRef, useState, type SyntheticEvent, type ReactNode } from "react";

import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import type { AssetFieldProps } from "@/lib/asset-entry";
import { readInputs } from "@/lib/definition";
import { changed, type FieldChange } from "@/lib/input-fields";
import { asProblem } from "@/lib/problem";
import { fieldOf, initialValue, toInputs, type FieldValues } from "@/lib/run-values";

import { instanceQuery, useStart } from "./api";
import { InputFields } from "./input-fields";
import { t } from "./messages";

type RunFormProps = {
  workflowId: string;
  definition: unknown;
  /** An earlier instance whose inputs to start from. */
  from: string | null;
  renderAssets: (props: AssetFieldProps) => ReactNode;
  onStarted: (instanceId: string) => void;
};

export function RunForm({ from, ...rest }: RunFormProps) {
  const earlier = useQuery({ ...instanceQuery(from ?? ""), enabled: from !== null });
  if (from !== null && earlier.isPending) return <Skeleton className="h-64 rounded-xl" />;
  return <Form earlier={earlier.data?.inputs ?? {}} {...rest} />;
}

type FormProps = Omit<RunFormProps, "from"> & { earlier: Record<string, unknown> };

function Form({ workflowId, definition, earlier, renderAssets, onStarted }: FormProps) {
  const specs = readInputs(definition);
  const start = useStart();
  const form = useRef<HTMLFormElement>(null);
  const [values, setValues] = useState<FieldValues>(() =>
    Object.fromEntries(specs.map((spec) => [spec.name, initialValue(spec, earlier[spec.name] ?? spec.default)])),
  );
  const [missing, setMissing] = useState<Record<string, string[]>>({});
  const outcome = toInputs(specs, values);

  const refused = start.error ? asProblem(start.error).complaints : [];
  const names = new Set(specs.map((spec) => spec.name));
  const complaintsOf = (name: string): string[] =>
    missing[name] ?? refused.filter((entry) => fieldOf(entry.field ?? "") === name).map((entry) => entry.message);
  const isPlaced = refused.length > 0 && refused.every((entry) => names.has(fieldOf(entry.field ?? "")));

  function change(name: string, next: FieldChange): void {
    setValues((before) => changed(before, name, next));
    setMissing((before) => Object.fromEntries(Object.entries(before).filter(([other]) => other !== name)));
    if (start.error) start.reset();
  }

  function showFirstComplaint(): void {
    // After the paint that marks the fields.
    requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
  }

  function submit(event: SyntheticEvent): void {
    event.preventDefault();
    if (start.isPending || outcome.waiting > 0) return;
    setMissing(outcome.complaints);
    if (Object.keys(outcome.complaints).length > 0) {
      showFirstComplaint();
      return;
    }
    start.mutate(
      { workflow_id: workflowId, inputs: outcome.inputs },
      { onSuccess: (instance) => onStarted(instance.id), onError: showFirstComplaint },
    );
  }

  return (
    <form ref={form} onSubmit={submit} noValidate className="space-y-5" aria-label={t("run.form")}>
      {specs.length === 0 ? <p className="text-soft">{t("run.no_inputs")}</p> : null}
      <InputFields
        specs={specs}
        values={values}
        complaintsOf={complaintsOf}
        onChange={change}
        renderAssets={renderAssets}
      />
      {start.error && !isPlaced ? <ProblemNote error={start.error} /> : null}
      <div className="flex items-center gap-3">
        <Button type="submit" variant="primary" size="lg" isBusy={start.isPending} disabled={outcome.waiting > 0}>
          {start.isPending ? null : <Play aria-hidden />} {t("run.start")}
        </Button>
        <span className="text-[13px] text-soft" role="status">
          {outcome.waiting > 0 ? t("run.waiting_uploads") : ""}
        </span>
      </div>
    </form>
  );
}
