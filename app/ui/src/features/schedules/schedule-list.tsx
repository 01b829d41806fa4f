/** The schedules of a workflow, or of all: when each comes next, and how the last time went. */
import { useSuspenseInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CalendarClock, Ellipsis, History, Pencil, Play, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";

import { LoadMore } from "@/components/load-more";
import { StatusPill } from "@/components/status";
import { Ago } from "@/components/time";
import { Button } from "@/components/ui/button";
import { ConfirmWindow } from "@/components/ui/dialog";
import { Menu, MenuItem, MenuTrigger, MenuWindow } from "@/components/ui/menu";
import { Switch } from "@/components/ui/switch";
import { useMay } from "@/lib/me";
import { itemsOf } from "@/lib/paging";
import { asProblem } from "@/lib/problem";
import type { Schedule } from "@/lib/types";

import { schedulesQuery, useDeleteSchedule, useRunSchedule, useSwitchSchedule } from "./api";
import { t } from "./messages";
import { ScheduleWindow, type RenderFields } from "./schedule-form";
import { JournalWindow, OutcomeTag } from "./schedule-journal";

type Open = "edit" | "journal" | "delete" | null;
type RowProps = { schedule: Schedule; renderFields: RenderFields; entry: string | null };

function Actions({ schedule, renderFields, entry }: RowProps) {
  const [open, setOpen] = useState<Open>(entry === null ? null : "journal");
  const run = useRunSchedule(schedule.id);
  const remove = useDeleteSchedule(schedule.id);
  const mayEdit = useMay("editor");
  const mayRun = useMay("operator");
  const isOpen = (which: Open) => ({
    isOpen: open === which,
    onOpenChange: (next: boolean) => setOpen(next ? which : null),
  });
  return (
    <>
      <Menu>
        <MenuTrigger asChild>
          <Button
            variant="quiet"
            size="icon-sm"
            aria-label={t("schedules.more", { name: schedule.name })}
            isBusy={run.isPending || remove.isPending}
          >
            {run.isPending || remove.isPending ? null : <Ellipsis aria-hidden />}
          </Button>
        </MenuTrigger>
        <MenuWindow align="end">
          {mayRun ? (
            <MenuItem
              onSelect={() =>
                run.mutate(undefined, {
                  onSuccess: () => toast.success(t("schedules.started", { name: schedule.workflow_name })),
                  onError: (error) => toast.error(asProblem(error).message),
                })
              }
            >
              <Play aria-hidden /> {t("schedules.run")}
            </MenuItem>
          ) : null}
          <MenuItem onSelect={() => setOpen("journal")}>
            <History aria-hidden /> {t("schedules.journal")}
          </MenuItem>
          {mayEdit ? (
            <>
              <MenuItem onSelect={() => setOpen("edit")}>
                <Pencil aria-hidden /> {t("common.edit")}
              </MenuItem>
              <MenuItem danger onSelect={() => setOpen("delete")}>
                <Trash2 aria-hidden /> {t("common.delete")}
              </MenuItem>
            </>
          ) : null}
        </MenuWindow>
      </Menu>
      <ScheduleWindow
        workflowId={schedule.workflow_id}
        schedule={schedule}
        renderFields={renderFields}
        {...isOpen("edit")}
      />
      <JournalWindow schedule={schedule} entry={entry} {...isOpen("journal")} />
      <ConfirmWindow
        heading={t("schedules.delete_heading", { name: schedule.name })}
        body={t("schedules.delete_body")}
        action={t("common.delete")}
        onConfirm={() =>
          remove.mutate(undefined, {
            onSuccess: () => toast.success(t("schedules.deleted", { name: schedule.name })),
            onError: (error) => toast.error(asProblem(error).message),
          })
        }
        {...isOpen("delete")}
      />
    </>
  );
}

function OnOff({ schedule }: { schedule: Schedule }) {
  const change = useSwitchSchedule(schedule.id);
  return (
    <Switch
      aria-label={t("schedules.is_on", { name: schedule.name })}
      checked={change.isPending ? change.variables : schedule.is_enabled}
      onCheckedChange={(next) =>
        change.mutate(next, {
          onError: (error) => toast.error(asProblem(error).complaints[0]?.message ?? asProblem(error).message),
        })
      }
    />
  );
}

function LastRun({ schedule: { last_run: last } }: { schedule: Schedule }) {
  if (last === null) return null;
  if (last.instance_id === null || last.instance_status === null) {
    return (
      <span title={last.reason ?? undefined}>
        <OutcomeTag outcome={last.outcome} />
      </span>
    );
  }
  return (
    <Link
      to="/instances/$instanceId"
      params={{ instanceId: last.instance_id }}
      aria-label={t("schedules.see_instance")}
      className="rounded-full"
    >
      <StatusPill status={last.instance_status} />
    </Link>
  );
}

function Row({ schedule, isOfMany, renderFields, entry }: RowProps & { isOfMany: boolean }) {
  const mayEdit = useMay("editor");
  return (
    <li className="flex items-center gap-3 px-4 py-3 sm:gap-4">
      <div className="min-w-0 flex-1">
        <p className="truncate font-medium">
          {schedule.name}
          {isOfMany ? (
            <>
              <span className="font-normal text-soft"> · </span>
              <Link
                to="/workflows/$workflowId"
                params={{ workflowId: schedule.workflow_id }}
                search={{ tab: "triggers" }}
                className="rounded font-normal text-soft hover:text-foreground"
              >
                {schedule.workflow_name}
              </Link>
            </>
          ) : null}
        </p>
        <p className="truncate text-[13px] text-soft">{schedule.words}</p>
        {schedule.next_at === null ? null : (
          <p className="text-[13px] text-soft sm:hidden">
            {t("schedules.next")} <Ago time={schedule.next_at} />
          </p>
        )}
        {schedule.stopped_because === null ? null : (
          <p className="mt-0.5 text-[13px] text-failed">
            {t("schedules.stopped", { reason: schedule.stopped_because })}
          </p>
        )}
      </div>
      <div className="w-28 shrink-0 text-right text-[13px] max-sm:hidden">
        {schedule.queued_for === null ? null : <p className="text-waiting">{t("schedules.queued")}</p>}
        {schedule.next_at === null ? (
          <p className="text-soft">{t("schedules.off")}</p>
        ) : (
          <p>
            <span className="text-soft">{t("schedules.next")} </span>
            <Ago time={schedule.next_at} />
          </p>
        )}
      </div>
      <LastRun schedule={schedule} />
      {mayEdit ? <OnOff schedule={schedule} /> : null}
      <Actions schedule={schedule} renderFields={renderFields} entry={entry} />
    </li>
  );
}

type ListProps = {
  workflowId: string | null;
  renderFields: RenderFields;
  /** A line of the journal of one of them, opened at once. */
  shown: { of: string; entry: string } | null;
};

export function ScheduleList({ workflowId, renderFields, shown }: ListProps) {
  const list = useSuspenseInfiniteQuery(schedulesQuery(workflowId));
  const [isMaking, setMaking] = useState(false);
  const mayEdit = useMay("editor");
  const schedules = itemsOf(list.data);
  return (
    <section aria-label={t("schedules.heading")}>
      <header className="mb-2.5 flex min-h-8 items-center justify-between gap-3">
        <h2 className="flex items-center gap-2 font-semibold">
          <CalendarClock className="size-4 text-soft" aria-hidden /> {t("schedules.heading")}
        </h2>
        {workflowId !== null && mayEdit ? (
          <>
            <Button size="sm" onClick={() => setMaking(true)}>
              <Plus aria-hidden /> {t("schedules.new")}
            </Button>
            <ScheduleWindow
              workflowId={workflowId}
              schedule={null}
              renderFields={renderFields}
              isOpen={isMaking}
              onOpenChange={setMaking}
            />
          </>
        ) : null}
      </header>
      {schedules.length === 0 ? (
        <p className="rounded-xl border border-dashed border-border-strong px-4 py-5 text-soft">
          {workflowId === null ? t("schedules.empty_all") : t("schedules.empty")}
        </p>
      ) : (
        <ul className="divide-y divide-border overflow-hidden rounded-xl border border-border bg-surface shadow-card">
          {schedules.map((schedule) => (
            <Row
              key={schedule.id}
              schedule={schedule}
              isOfMany={workflowId === null}
              renderFields={renderFields}
              entry={shown?.of === schedule.id ? shown.entry : null}
            />
          ))}
        </ul>
      )}
      <LoadMore list={list} />
    </section>
  );
}
