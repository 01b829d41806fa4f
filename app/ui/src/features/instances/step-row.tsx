/** One step of an instance: how it stands at a glance, everything about it when opened. */
import { useQuery } from "@tanstack/react-query";
import { ChevronRight } from "lucide-react";
import { useId, useState } from "react";

import { FailureNote } from "@/components/problem-note";
import { StatusIcon, statusWord } from "@/components/status";
import { Tag } from "@/components/tag";
import { Elapsed } from "@/components/time";
import { Progress } from "@/components/ui/progress";
import { useCallingKinds } from "@/lib/catalog";
import { cn } from "@/lib/cn";
import { percent } from "@/lib/format";
import type { Instance, Step } from "@/lib/types";

import { previewKey } from "./api";
import { isToldAbove } from "./failures";
import { t, tn } from "./messages";
import { StepActions } from "./step-actions";
import { againBecause, StepAttempts } from "./step-attempts";
import { StepChildren } from "./step-children";
import { StepItems } from "./step-items";
import { StepLogs } from "./step-logs";
import { StepValues } from "./step-values";
import { Taken } from "./taken";

type StepRowProps = {
  instance: Instance;
  step: Step;
  name: string;
  /** Of every step, for what is said about others. */
  names: ReadonlyMap<string, string>;
  title: string;
};

/** More items than this stay folded until somebody asks. */
const MANY = 24;

/** Of a fan-out the share of its items, of a step what it says itself. */
function fractionOf(step: Step): number | null {
  if (step.items !== null && step.items.total > 0) return step.items.done / step.items.total;
  return step.progress_fraction;
}

function summaryOf(step: Step): string {
  if (step.reason !== null) return step.reason;
  if (step.status === "failed" && step.error !== null) return step.error.message;
  if (step.items !== null) {
    const { total, done, failed } = step.items;
    const through = tn("step.items", total, { done });
    const items = failed > 0 ? t("step.items_failed", { items: through, failed }) : through;
    return step.items_kept === null ? items : `${items}, ${t("step.items_kept", { kept: step.items_kept })}`;
  }
  if (step.status === "queued" && step.queue_position !== null)
    return t("step.queued_at", { place: step.queue_position });
  const latest = step.attempts.at(-1);
  if (step.status === "running" || step.status === "queued")
    return [step.progress_message, latest && againBecause(latest)].filter(Boolean).join(" · ");
  return step.attempts.length > 1 ? t("step.attempts", { count: step.attempts.length }) : "";
}

function Preview({ stepId, label }: { stepId: string; label: string }) {
  const preview = useQuery<string>({ queryKey: previewKey(stepId), enabled: false });
  return preview.data === undefined ? null : (
    <img src={preview.data} alt={t("step.preview", { step: label })} className="max-h-48 rounded-lg" />
  );
}

/** What sets it apart at a glance: it did not run here, or a person had a hand in it. */
function Marks({ step }: { step: Step }) {
  return (
    <>
      {step.reused_from !== null && step.items_kept === null ? <Tag>{t("step.reused")}</Tag> : null}
      {step.edited === null ? null : <Tag tone="accent">{t("edit.by", { name: step.edited.name })}</Tag>}
    </>
  );
}

function Details({ instance, step, name, names }: Omit<StepRowProps, "title">) {
  const instanceId = instance.id;
  const calling = useCallingKinds();
  const hasOutputs = step.outputs !== null && Object.keys(step.outputs).length > 0;
  return (
    <div className="space-y-4 pt-1 pb-4 pl-7">
      {step.error !== null && !isToldAbove(instance, step) ? (
        <FailureNote heading={step.error.message} remedy={step.error.remedy} tag={step.error.class} />
      ) : null}
      <Taken step={step} />
      {step.status === "running" ? <Preview stepId={step.id} label={name} /> : null}
      {step.items === null ? null : <StepItems instance={instance} step={step} name={name} />}
      {hasOutputs && step.items === null ? (
        <section aria-label={t("step.outputs")}>
          <StepValues kind={step.kind} side="outputs" values={step.outputs ?? {}} />
        </section>
      ) : null}
      {calling.has(step.kind) && step.items === null ? <StepChildren instanceId={instanceId} stepId={step.id} /> : null}
      {step.attempts.length > 1 ? <StepAttempts attempts={step.attempts} known={step.error?.message ?? null} /> : null}
      {step.items === null ? (
        <StepLogs instanceId={instanceId} stepId={step.id} isRunning={step.status === "running"} />
      ) : null}
      <StepActions instance={instance} step={step} name={name} names={names} />
    </div>
  );
}

export function StepRow({ instance, step, name, names, title }: StepRowProps) {
  const id = useId();
  // Failures, what waits (perhaps for the question of a run of its own) and small fan-outs, whose pictures arrive
  // one by one, are open until somebody decides otherwise.
  const [choice, setChoice] = useState<boolean | null>(null);
  const isOpen =
    choice ??
    (step.status === "failed" || step.status === "waiting" || (step.items !== null && step.items.total <= MANY));
  const isRunning = step.status === "running";
  const fraction = fractionOf(step);
  const summary = summaryOf(step);

  return (
    <li id={`step-${step.node_id}`} data-step={step.node_id} data-status={step.status} className="px-4">
      <button
        type="button"
        aria-expanded={isOpen}
        aria-controls={`${id}-details`}
        onClick={() => setChoice(!isOpen)}
        className="group flex min-h-12 w-full items-center gap-3 rounded-md py-2 text-left -outline-offset-2"
      >
        <StatusIcon status={step.status} isSilent />
        <span className="min-w-0 flex-1">
          <span className="flex items-baseline gap-2">
            <span className={cn("truncate font-medium", step.status === "skipped" && "text-soft")}>{name}</span>
            <span className="truncate text-xs text-faint max-sm:hidden">{title}</span>
            <span className="sr-only">{statusWord(step.status)}</span>
            <Marks step={step} />
          </span>
          {summary === "" || (step.status === "failed" && (isOpen || isToldAbove(instance, step))) ? null : (
            <span className={cn("block truncate text-[13px]", step.status === "failed" ? "text-failed" : "text-soft")}>
              {summary}
            </span>
          )}
        </span>
        {isRunning && fraction !== null ? (
          <span className="text-[13px] text-running tabular-nums">{percent(fraction)}</span>
        ) : null}
        <span className="w-16 shrink-0 text-right text-[13px] text-soft tabular-nums">
          {step.started_at === null ? "" : <Elapsed start={step.started_at} end={step.ended_at} />}
        </span>
        <ChevronRight
          className={cn("size-4 shrink-0 text-faint transition-transform", isOpen && "rotate-90")}
          aria-hidden
        />
      </button>
      {isRunning ? (
        <Progress fraction={fraction} label={t("step.progress", { step: name })} className="mb-2.5 ml-7" />
      ) : null}
      <div id={`${id}-details`} hidden={!isOpen}>
        {isOpen ? <Details instance={instance} step={step} name={name} names={names} /> : null}
      </div>
    </li>
  );
}
