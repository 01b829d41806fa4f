/** What can be done to one step: end it while it is under way, run it again or edit its result afterwards. */
import { Ban, PencilLine, RotateCcw, SlidersHorizontal } from "lucide-react";
import { useState } from "react";

import { Button } from "@/components/ui/button";
import { ConfirmWindow, Dialog, DialogWindow } from "@/components/ui/dialog";
import { useMay } from "@/lib/me";
import type { Instance, Step } from "@/lib/types";

import { useCancelStep } from "./control";
import { ENDED } from "./ends";
import { t } from "./messages";
import { RerunWindow } from "./rerun-window";
import { ValuesForm } from "./values-form";

const UNDER_WAY: ReadonlySet<string> = new Set(["queued", "running", "waiting"]);

/** Whether this person may run it again: it has ended, and nothing else waits for it. */
export function useMayRunAgain(instance: Instance): boolean {
  const mayRun = useMay("operator");
  return mayRun && ENDED.has(instance.status) && instance.parent_id === null;
}

export function CancelStep({ instance, step, name, label }: StepActionsProps & { label: string }) {
  const cancel = useCancelStep(instance.id, step.id);
  const mayRun = useMay("operator");
  const [isAsking, setAsking] = useState(false);
  if (!mayRun || ENDED.has(instance.status) || !UNDER_WAY.has(step.status)) return null;
  return (
    <>
      <Button size="sm" variant="danger" isBusy={cancel.isPending} onClick={() => setAsking(true)}>
        {cancel.isPending ? null : <Ban aria-hidden />} {label}
      </Button>
      <ConfirmWindow
        isOpen={isAsking}
        onOpenChange={setAsking}
        heading={t("step.cancel_heading", { step: name })}
        body={t("step.cancel_body")}
        action={label}
        onConfirm={() => cancel.mutate()}
      />
    </>
  );
}

type StepActionsProps = { instance: Instance; step: Step; name: string };

export function StepActions({
  instance,
  step,
  name,
  names,
}: StepActionsProps & { names: ReadonlyMap<string, string> }) {
  const mayAgain = useMayRunAgain(instance);
  const mayEdit = useMay("editor");
  const [opened, setOpened] = useState<"from" | "with" | "outputs" | null>(null);
  const close = (): void => setOpened(null);
  if (!mayAgain) return <CancelStep instance={instance} step={step} name={name} label={t("step.cancel")} />;
  return (
    <div className="flex flex-wrap gap-2">
      <Button size="sm" onClick={() => setOpened("from")}>
        <RotateCcw aria-hidden /> {t("again.from")}
      </Button>
      {mayEdit && step.items === null && step.inputs !== null ? (
        <Button size="sm" onClick={() => setOpened("with")}>
          <SlidersHorizontal aria-hidden /> {t("edit.with")}
        </Button>
      ) : null}
      {mayEdit && step.status !== "skipped" ? (
        <Button size="sm" onClick={() => setOpened("outputs")}>
          <PencilLine aria-hidden /> {t("edit.outputs")}
        </Button>
      ) : null}
      <RerunWindow
        instance={instance}
        wish={{ from: [step.node_id] }}
        heading={t("again.from_heading", { step: name })}
        names={names}
        isOpen={opened === "from"}
        onOpenChange={close}
      />
      <Dialog open={opened === "with"} onOpenChange={close}>
        <DialogWindow heading={t("edit.with_heading", { step: name })} description={t("edit.with_body")}>
          <div className="overflow-y-auto px-5 pt-1 pb-5">
            <ValuesForm
              instance={instance}
              step={step}
              side="with"
              label={t("edit.with_heading", { step: name })}
              action={t("again.run")}
              mayStay={false}
            />
          </div>
        </DialogWindow>
      </Dialog>
      <Dialog open={opened === "outputs"} onOpenChange={close}>
        <DialogWindow heading={t("edit.outputs_heading", { step: name })} description={t("edit.outputs_body")}>
          <div className="overflow-y-auto px-5 pt-1 pb-5">
            <ValuesForm
              instance={instance}
              step={step}
              side="outputs"
              label={t("edit.outputs_heading", { step: name })}
              action={t("edit.go_on")}
              mayStay={false}
            />
          </div>
        </DialogWindow>
      </Dialog>
    </div>
  );
}
