/** A schedule to be made or changed: its name, its times, its inputs and what to do when things collide. */
import { useQuery } from "@tanstack/react-query";
import { useRef, useState, type ReactNode, type SyntheticEvent } from "react";
import { toast } from "sonner";

import { ChoiceField, TextField } from "@/components/fields";
import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Dialog, DialogWindow } from "@/components/ui/dialog";
import { Skeleton } from "@/components/ui/skeleton";
import { readInputs } from "@/lib/definition";
import { useFirstComplaint } from "@/lib/first-complaint";
import { changed, type InputFieldsProps } from "@/lib/input-fields";
import { asProblem } from "@/lib/problem";
import { fieldOf, initialValue, toInputs, type FieldValues } from "@/lib/run-values";
import type { Schedule, Workflow } from "@/lib/types";
import { workflowQuery } from "@/lib/workflow";

import { useSaveSchedule } from "./api";
import { t } from "./messages";
import { freshPlan, toPlan, toTiming, zoneHere, type Plan } from "./timing";
import { TimingField } from "./timing-field";

const MISFIRES = ["once", "skip", "all"] as const;
const OVERLAPS = ["skip", "queue", "allow"] as const;

export type RenderFields = (props: InputFieldsProps) => ReactNode;

type FormProps = {
  workflow: Workflow;
  schedule: Schedule | null;
  renderFields: RenderFields;
  onDone: () => void;
};

function Form({ workflow, schedule, renderFields, onDone }: FormProps) {
  const specs = readInputs(workflow.definition);
  const save = useSaveSchedule(workflow.id, schedule);
  const form = useRef<HTMLFormElement>(null);
  const [name, setName] = useState(schedule?.name ?? t("schedules.name_default"));
  const [plan, setPlan] = useState<Plan>(() => (schedule ? toPlan(schedule.timing) : freshPlan(zoneHere())));
  const [misfire, setMisfire] = useState(schedule?.misfire ?? "once");
  const [overlap, setOverlap] = useState(schedule?.overlap ?? "skip");
  const [values, setValues] = useState<FieldValues>(() =>
    Object.fromEntries(
      specs.map((spec) => [spec.name, initialValue(spec, schedule?.inputs[spec.name] ?? spec.default)]),
    ),
  );
  const [missing, setMissing] = useState<Record<string, string[]>>({});
  const [tries, setTries] = useState(0);
  useFirstComplaint(form, save.error, tries);
  const timing = toTiming(plan);
  const outcome = toInputs(specs, values);

  const refused = save.error ? asProblem(save.error).complaints : [];
  const complaintsOf = (input: string): string[] =>
    missing[input] ??
    refused
      .filter(({ field }) => field?.startsWith("inputs.") && fieldOf(field) === input)
      .map((entry) => entry.message);
  const isPlaced = refused.length > 0 && refused.every(({ field }) => field?.startsWith("inputs."));

  function touch(): void {
    if (save.error) save.reset();
  }

  function submit(event: SyntheticEvent): void {
    event.preventDefault();
    if (save.isPending || outcome.waiting > 0 || timing === null) return;
    setMissing(outcome.complaints);
    if (Object.keys(outcome.complaints).length > 0) {
      setTries((before) => before + 1);
      return;
    }
    save.mutate(
      { name: name.trim(), timing, inputs: outcome.inputs, misfire, overlap },
      {
        onSuccess: (saved) => {
          toast.success(t("schedules.saved", { name: saved.name }));
          onDone();
        },
      },
    );
  }

  return (
    <form ref={form} onSubmit={submit} noValidate aria-label={t("schedules.form")} className="flex min-h-0 flex-col">
      <div className="min-h-0 space-y-5 overflow-y-auto px-5 pb-5">
        <TextField label={t("schedules.name")} maxLength={200} value={name} onChange={setName} />
        <TimingField
          plan={plan}
          onChange={(change) => {
            setPlan((before) => ({ ...before, ...change }));
            touch();
          }}
        />
        <fieldset className="space-y-5 border-t border-border pt-5">
          <legend className="sr-only">{t("schedules.inputs")}</legend>
          <h3 className="text-[13px] font-semibold" aria-hidden>
            {t("schedules.inputs")}
          </h3>
          {specs.length === 0 ? <p className="text-soft">{t("schedules.no_inputs")}</p> : null}
          {renderFields({
            specs,
            values,
            complaintsOf,
            onChange: (input, next) => {
              setValues((before) => changed(before, input, next));
              setMissing((before) => Object.fromEntries(Object.entries(before).filter(([other]) => other !== input)));
              touch();
            },
          })}
        </fieldset>
        <div className="grid gap-4 border-t border-border pt-5 sm:grid-cols-2">
          <ChoiceField
            label={t("misfire.label")}
            value={misfire}
            choices={MISFIRES}
            nameOf={(rule) => t(`misfire.${rule}`)}
            onChange={setMisfire}
          />
          <ChoiceField
            label={t("overlap.label")}
            value={overlap}
            choices={OVERLAPS}
            nameOf={(rule) => t(`overlap.${rule}`)}
            onChange={setOverlap}
          />
        </div>
        {save.error && !isPlaced ? <ProblemNote error={save.error} /> : null}
      </div>
      <footer className="flex justify-end gap-2 border-t border-border px-5 py-3">
        <Button onClick={onDone}>{t("common.keep")}</Button>
        <Button
          type="submit"
          variant="primary"
          isBusy={save.isPending}
          disabled={timing === null || name.trim() === "" || outcome.waiting > 0}
        >
          {schedule === null ? t("schedules.save_new") : t("common.save")}
        </Button>
      </footer>
    </form>
  );
}

function Loaded({ workflowId, ...rest }: Omit<FormProps, "workflow"> & { workflowId: string }) {
  const workflow = useQuery(workflowQuery(workflowId));
  if (workflow.error) return <ProblemNote error={workflow.error} className="m-5" />;
  if (workflow.isPending) return <Skeleton className="m-5 h-80 rounded-xl" />;
  return <Form workflow={workflow.data} {...rest} />;
}

type WindowProps = {
  workflowId: string;
  schedule: Schedule | null;
  renderFields: RenderFields;
  isOpen: boolean;
  onOpenChange: (isOpen: boolean) => void;
};

export function ScheduleWindow({ workflowId, schedule, renderFields, isOpen, onOpenChange }: WindowProps) {
  return (
    <Dialog open={isOpen} onOpenChange={onOpenChange}>
      <DialogWindow
        heading={schedule ? t("schedules.edit_heading", { name: schedule.name }) : t("schedules.new")}
        className="sm:w-[min(92vw,40rem)]"
      >
        <Loaded
          workflowId={workflowId}
          schedule={schedule}
          renderFields={renderFields}
          onDone={() => onOpenChange(false)}
        />
      </DialogWindow>
    </Dialog>
  );
}
