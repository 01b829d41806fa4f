/** What a schedule did at each of its times, and why. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { LoadMore } from "@/components/load-more";
import { ProblemNote } from "@/components/problem-note";
import { StatusPill } from "@/components/status";
import { Tag, type Tone } from "@/components/tag";
import { Dialog, DialogWindow } from "@/components/ui/dialog";
import { Skeleton } from "@/components/ui/skeleton";
import { dateTime } from "@/lib/format";
import { itemsOf } from "@/lib/paging";
import type { Schedule, ScheduleRun } from "@/lib/types";

import { runsQuery } from "./api";
import { t } from "./messages";

const TONES: Record<ScheduleRun["outcome"], Tone> = {
  started: "good",
  skipped: "idle",
  queued: "waiting",
  refused: "bad",
};

export function OutcomeTag({ outcome }: { outcome: ScheduleRun["outcome"] }) {
  return <Tag tone={TONES[outcome]}>{t(`outcome.${outcome}`)}</Tag>;
}

function Line({ run, isShown }: { run: ScheduleRun; isShown: boolean }) {
  return (
    <li
      aria-current={isShown ? "true" : undefined}
      className="flex items-center gap-3 rounded-md py-2.5 text-[13px] aria-[current]:bg-accent-soft aria-[current]:px-2"
    >
      <span className="min-w-0 flex-1">
        <time dateTime={run.due_at} className="tabular-nums">
          {dateTime(run.due_at)}
        </time>
        {run.started_by === null ? null : <span className="text-soft"> · {t("schedules.by_hand")}</span>}
        {run.reason === null ? null : <span className="block text-soft">{run.reason}</span>}
      </span>
      {run.instance_id === null ? (
        <OutcomeTag outcome={run.outcome} />
      ) : (
        <Link
          to="/instances/$instanceId"
          params={{ instanceId: run.instance_id }}
          aria-label={t("schedules.see_instance")}
          className="rounded-full"
        >
          {run.instance_status === null ? (
            <OutcomeTag outcome={run.outcome} />
          ) : (
            <StatusPill status={run.instance_status} />
          )}
        </Link>
      )}
    </li>
  );
}

function Journal({ schedule, entry }: { schedule: Schedule; entry: string | null }) {
  const list = useInfiniteQuery(runsQuery(schedule.id));
  if (list.error) return <ProblemNote error={list.error} />;
  if (list.isPending) return <Skeleton className="h-40 rounded-xl" />;
  const runs = itemsOf(list.data);
  if (runs.length === 0) return <p className="pb-2 text-soft">{t("schedules.journal_empty")}</p>;
  return (
    <>
      <ul aria-label={t("schedules.journal")} className="divide-y divide-border">
        {runs.map((run) => (
          <Line key={run.id} run={run} isShown={run.id === entry} />
        ))}
      </ul>
      <LoadMore list={list} />
    </>
  );
}

type WindowProps = {
  schedule: Schedule;
  /** The line somebody came to see. */
  entry: string | null;
  isOpen: boolean;
  onOpenChange: (isOpen: boolean) => void;
};

export function JournalWindow({ schedule, entry, isOpen, onOpenChange }: WindowProps) {
  return (
    <Dialog open={isOpen} onOpenChange={onOpenChange}>
      <DialogWindow heading={t("schedules.journal_of", { name: schedule.name })} description={schedule.words}>
        <div className="min-h-0 overflow-y-auto px-5 pb-5">
          <Journal schedule={schedule} entry={entry} />
        </div>
      </DialogWindow>
    </Dialog>
  );
}
