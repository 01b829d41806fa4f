/** What can be done to a whole run: pause, resume and cancel it; afterwards try again or run once more. */
import { Link } from "@tanstack/react-router";
import { Ban, ChevronDown, Pause, Play, RefreshCw, RotateCcw } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";

import { Button } from "@/components/ui/button";
import { ConfirmWindow } from "@/components/ui/dialog";
import { Menu, MenuItem, MenuTrigger, MenuWindow } from "@/components/ui/menu";
import { useMay } from "@/lib/me";
import { asProblem } from "@/lib/problem";
import type { Instance, Step } from "@/lib/types";

import { useCancel } from "./api";
import { ENDED } from "./ends";
import { usePause, useResume, useRetry, type OnVersion } from "./control";
import { t } from "./messages";
import { useNewerVersion } from "./rerun-window";
import { useMayRunAgain } from "./step-actions";

function CancelButton({ instance }: { instance: Instance }) {
  const cancel = useCancel(instance.id);
  const [isAsking, setAsking] = useState(false);
  return (
    <>
      <Button variant="danger" isBusy={cancel.isPending} onClick={() => setAsking(true)}>
        {cancel.isPending ? null : <Ban aria-hidden />} {t("instance.cancel")}
      </Button>
      <ConfirmWindow
        isOpen={isAsking}
        onOpenChange={setAsking}
        heading={t("instance.cancel_heading", { name: instance.workflow_name, number: instance.number })}
        body={t("instance.cancel_body")}
        action={t("instance.cancel")}
        onConfirm={() => cancel.mutate(undefined, { onError: (error) => toast.error(asProblem(error).message) })}
      />
    </>
  );
}

function PauseButton({ instance }: { instance: Instance }) {
  const pause = usePause(instance.id);
  const resume = useResume(instance.id);
  if (instance.pause !== null) {
    return (
      <Button variant="primary" isBusy={resume.isPending} onClick={() => resume.mutate()}>
        {resume.isPending ? null : <Play aria-hidden />} {t("instance.resume")}
      </Button>
    );
  }
  return (
    <Button isBusy={pause.isPending} onClick={() => pause.mutate()}>
      {pause.isPending ? null : <Pause aria-hidden />} {t("instance.pause")}
    </Button>
  );
}

/** What failed is tried again; where the workflow has moved on, on which version is asked. */
function RetryButton({ instance }: { instance: Instance }) {
  const retry = useRetry(instance.id);
  const newer = useNewerVersion(instance);
  const start = (version: OnVersion): void =>
    retry.mutate(version, { onError: (error) => toast.error(asProblem(error).message) });
  const face = (
    <>
      {retry.isPending ? null : <RefreshCw aria-hidden />} {t("instance.retry")}
    </>
  );
  if (newer === null) {
    return (
      <Button variant="primary" isBusy={retry.isPending} onClick={() => start("same")}>
        {face}
      </Button>
    );
  }
  return (
    <Menu>
      <MenuTrigger asChild>
        <Button variant="primary" isBusy={retry.isPending}>
          {face} <ChevronDown aria-hidden />
        </Button>
      </MenuTrigger>
      <MenuWindow align="end">
        <MenuItem onSelect={() => start("same")}>{t("instance.retry_same", { number: instance.version })}</MenuItem>
        <MenuItem onSelect={() => start("newest")}>{t("instance.retry_newest", { number: newer })}</MenuItem>
      </MenuWindow>
    </Menu>
  );
}

/** Whether anything is left to be tried again. */
const hasFailures = (instance: Instance, steps: readonly Step[]): boolean =>
  instance.status !== "completed" ||
  steps.some((step) => step.status === "failed" || step.status === "cancelled" || (step.items?.failed ?? 0) > 0);

export function InstanceActions({ instance, steps }: { instance: Instance; steps: readonly Step[] }) {
  const mayRun = useMay("operator");
  const mayAgain = useMayRunAgain(instance);
  const hasEnded = ENDED.has(instance.status);
  if (!mayRun) return null;
  return (
    <>
      {hasEnded ? null : <PauseButton instance={instance} />}
      {hasEnded ? null : <CancelButton instance={instance} />}
      {mayAgain && hasFailures(instance, steps) ? <RetryButton instance={instance} /> : null}
      <Button asChild>
        <Link
          to="/workflows/$workflowId"
          params={{ workflowId: instance.workflow_id }}
          search={{ tab: "run", from: instance.id }}
        >
          <RotateCcw aria-hidden /> {t("instance.again")}
        </Link>
      </Button>
    </>
  );
}
