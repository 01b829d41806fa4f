/** One item of a fan-out: what it was run on and gave, and running it again on other values. */
import { RotateCcw } from "lucide-react";

import { FailureNote, ProblemNote } from "@/components/problem-note";
import { StatusPill } from "@/components/status";
import { Button } from "@/components/ui/button";
import { Dialog, DialogWindow } from "@/components/ui/dialog";
import { useMay } from "@/lib/me";
import type { Instance, Step } from "@/lib/types";

import { useRerunStep } from "./control";
import { t } from "./messages";
import { Callback } from "./questions";
import { CancelStep, useMayRunAgain } from "./step-actions";
import { StepValues } from "./step-values";
import { Taken } from "./taken";
import { ValuesForm } from "./values-form";

const Again = () => (
  <>
    <RotateCcw aria-hidden /> {t("item.run")}
  </>
);

/** Who may run but not give values by hand runs it as it is. */
function RunAsItIs({ instance, item }: { instance: Instance; item: Step }) {
  const again = useRerunStep(instance.id, item.id);
  return (
    <>
      {again.error ? <ProblemNote error={again.error} /> : null}
      <Button isBusy={again.isPending} onClick={() => again.mutate({})}>
        <Again />
      </Button>
    </>
  );
}

type ItemWindowProps = {
  instance: Instance;
  item: Step;
  /** Where it lies, as people count. */
  number: string;
  name: string;
  onClose: () => void;
};

export function ItemWindow({ instance, item, number, name, onClose }: ItemWindowProps) {
  const mayAgain = useMayRunAgain(instance);
  const mayEdit = useMay("editor");
  const heading = t("item.heading", { step: name, number });
  return (
    <Dialog open onOpenChange={onClose}>
      <DialogWindow heading={heading} className="sm:w-[min(92vw,40rem)]">
        <div className="space-y-5 overflow-y-auto px-5 pt-1 pb-5">
          <div className="flex items-center gap-3">
            <StatusPill status={item.status} />
            <CancelStep instance={instance} step={item} name={heading} label={t("item.cancel")} />
          </div>
          <Taken step={item} />
          {item.wait?.kind === "callback" ? <Callback step={item} wait={item.wait} name={heading} /> : null}
          {item.error === null ? null : (
            <FailureNote heading={item.error.message} remedy={item.error.remedy} tag={item.error.class} />
          )}
          {item.outputs === null ? null : (
            <section aria-label={t("step.outputs")}>
              <StepValues kind={item.kind} side="outputs" values={item.outputs} />
            </section>
          )}
          {mayAgain && mayEdit ? (
            <section aria-label={t("item.inputs")} className="border-t border-border pt-5">
              <ValuesForm
                instance={instance}
                step={item}
                side="with"
                label={t("item.inputs")}
                action={<Again />}
                mayStay
              />
            </section>
          ) : item.inputs === null ? null : (
            <section aria-label={t("item.inputs")} className="border-t border-border pt-5">
              <StepValues kind={item.kind} side="inputs" values={item.inputs} />
            </section>
          )}
          {mayAgain && !mayEdit ? <RunAsItIs instance={instance} item={item} /> : null}
        </div>
      </DialogWindow>
    </Dialog>
  );
}
