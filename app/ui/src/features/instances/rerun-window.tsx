/** Asks before something runs again, and says what that would run and keep. */
import { useQuery } from "@tanstack/react-query";
import { RotateCcw } from "lucide-react";
import { useState } from "react";

import { Field } from "@/components/field";
import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Dialog, DialogWindow } from "@/components/ui/dialog";
import { Select } from "@/components/ui/input";
import { Skeleton } from "@/components/ui/skeleton";
import type { Instance, Rerun } from "@/lib/types";
import { workflowQuery } from "@/lib/workflow";

import { rerunPlanQuery, useRerun, type OnVersion } from "./control";
import { t, tn } from "./messages";

/** The version that runs today, where it is another than this run's; null also for a deleted workflow. */
export function useNewerVersion(instance: Instance): number | null {
  const workflow = useQuery({ ...workflowQuery(instance.workflow_id), retry: false }).data;
  return workflow === undefined || workflow.version === instance.version ? null : workflow.version;
}

type Names = ReadonlyMap<string, string>;

function Plan({ instance, wish, names }: { instance: Instance; wish: Rerun; names: Names }) {
  const plan = useQuery(rerunPlanQuery(instance.id, wish));
  if (plan.error) return <ProblemNote error={plan.error} />;
  if (plan.isPending) return <Skeleton className="h-20 rounded-lg" />;
  const named = (step: string): string => names.get(step) ?? step;
  const places = new Map([...names.keys()].map((step, place) => [step, place]));
  const inOrder = (steps: readonly string[]): string[] =>
    steps.toSorted((one, other) => (places.get(one) ?? 0) - (places.get(other) ?? 0));
  const parts = new Map(plan.data.parts.map((part) => [part.step, part]));
  const running = inOrder([...parts.keys(), ...plan.data.run]).map((step) => {
    const part = parts.get(step);
    return part === undefined
      ? named(step)
      : tn("again.parts", part.items_total, { step: named(step), run: part.items_run });
  });
  const outdated = plan.data.outdated.map(({ step, ran_on, now }) =>
    t("again.outdated_step", { step: named(step), before: ran_on, now }),
  );
  const keeping = inOrder([...plan.data.kept, ...plan.data.edited]).map(named);
  return (
    <dl className="space-y-3 rounded-lg bg-sunken p-3.5 text-[13px]">
      <div>
        <dt className="text-xs text-soft">{t("again.runs")}</dt>
        <dd>{running.join(", ")}</dd>
      </div>
      <div>
        <dt className="text-xs text-soft">{t("again.keeps")}</dt>
        <dd>{keeping.length === 0 ? t("again.keeps_nothing") : keeping.join(", ")}</dd>
      </div>
      {outdated.length === 0 ? null : (
        <div>
          <dt className="text-xs text-soft">{t("again.outdated")}</dt>
          <dd>{outdated.join(", ")}</dd>
        </div>
      )}
    </dl>
  );
}

type RerunWindowProps = {
  instance: Instance;
  wish: Rerun;
  heading: string;
  names: Names;
  isOpen: boolean;
  onOpenChange: (isOpen: boolean) => void;
};

export function RerunWindow({ instance, wish, heading, names, isOpen, onOpenChange }: RerunWindowProps) {
  return (
    <Dialog open={isOpen} onOpenChange={onOpenChange}>
      <DialogWindow heading={heading} description={t("again.body")}>
        <Content instance={instance} wish={wish} names={names} />
      </DialogWindow>
    </Dialog>
  );
}

function Content({ instance, wish, names }: { instance: Instance; wish: Rerun; names: Names }) {
  const newer = useNewerVersion(instance);
  const [version, setVersion] = useState<OnVersion>("same");
  const again = useRerun(instance.id);
  const whole = { ...wish, version };
  return (
    <div className="space-y-4 overflow-y-auto px-5 pt-1 pb-5">
      <Plan instance={instance} wish={whole} names={names} />
      {newer === null ? null : (
        <Field label={t("again.version")}>
          {(control) => (
            <Select {...control} value={version} onChange={(event) => setVersion(event.target.value as OnVersion)}>
              <option value="same">{t("again.version_same", { number: instance.version })}</option>
              <option value="newest">{t("again.version_newest", { number: newer })}</option>
            </Select>
          )}
        </Field>
      )}
      {again.error ? <ProblemNote error={again.error} /> : null}
      <div className="flex justify-end">
        <Button variant="primary" isBusy={again.isPending} onClick={() => again.mutate(whole)}>
          {again.isPending ? null : <RotateCcw aria-hidden />} {t("again.run")}
        </Button>
      </div>
    </div>
  );
}
