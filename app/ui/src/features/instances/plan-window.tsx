/** What a run would do, before it does it: its steps in their order, what is left out, and who is missing. */
import { useQuery } from "@tanstack/react-query";

import { FailureNote, ProblemNote } from "@/components/problem-note";
import { Tag } from "@/components/tag";
import { Dialog, DialogWindow } from "@/components/ui/dialog";
import { Skeleton } from "@/components/ui/skeleton";
import { cn } from "@/lib/cn";

import { planQuery, type RunPlan, type Start } from "./api";
import { t, tn } from "./messages";
import { inWaves, type PlannedStep } from "./waves";

function Line({ step }: { step: PlannedStep }) {
  const words = [
    step.items === null ? (step.each ? t("plan.items_unknown") : null) : tn("plan.items", step.items),
    step.waits_for_start ? t("plan.by_hand") : null,
    step.reason === "" ? null : step.reason,
  ].filter(Boolean);
  return (
    <li data-step={step.id} data-fate={step.fate}>
      <span className="flex items-center gap-2">
        <span className={cn("font-medium", step.fate === "skipped" && "text-soft line-through")}>
          {step.name || step.id}
        </span>
        {step.fate === "runs" ? null : (
          <Tag tone={step.fate === "fails" ? "bad" : step.fate === "perhaps" ? "waiting" : "idle"}>
            {t(`plan.${step.fate}`)}
          </Tag>
        )}
      </span>
      {words.length === 0 ? null : <span className="block text-[13px] text-soft">{words.join(" · ")}</span>}
    </li>
  );
}

function Plan({ plan }: { plan: RunPlan }) {
  const missing = plan.lanes.filter((lane) => !lane.is_served);
  return (
    <>
      {missing.map(({ lane }) => (
        <FailureNote key={lane} heading={t("plan.no_worker", { lane })} remedy={t("plan.no_worker_remedy")} />
      ))}
      <ol aria-label={t("plan.order")} className="space-y-3">
        {inWaves(plan.steps).map((wave, place) => (
          <li key={place} className="flex gap-3">
            <span aria-hidden className="w-5 shrink-0 text-right text-soft tabular-nums">
              {place + 1}
            </span>
            <ul aria-label={t("plan.wave", { number: place + 1 })} className="min-w-0 flex-1 space-y-2">
              {wave.map((step) => (
                <Line key={step.id} step={step} />
              ))}
            </ul>
          </li>
        ))}
      </ol>
    </>
  );
}

function Content({ start }: { start: Start }) {
  const plan = useQuery(planQuery(start));
  return (
    <div className="space-y-4 overflow-y-auto px-5 pt-1 pb-5">
      {plan.error ? (
        <ProblemNote error={plan.error} />
      ) : plan.isPending ? (
        <Skeleton className="h-28 rounded-lg" />
      ) : (
        <Plan plan={plan.data} />
      )}
    </div>
  );
}

/** `start`: what would be started; null while nobody asks. */
export function PlanWindow({ start, onClose }: { start: Start | null; onClose: () => void }) {
  return (
    <Dialog open={start !== null} onOpenChange={onClose}>
      <DialogWindow heading={t("plan.heading")} description={t("plan.body")}>
        {start === null ? null : <Content start={start} />}
      </DialogWindow>
    </Dialog>
  );
}
