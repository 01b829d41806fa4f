/** What was backed up and proved, and the buttons to do either now. */
import { useQuery } from "@tanstack/react-query";
import { Archive, FlaskConical } from "lucide-react";
import { toast } from "sonner";

import { Empty, Page } from "@/components/page";
import { FailureNote, ProblemNote } from "@/components/problem-note";
import { Tag, type Tone } from "@/components/tag";
import { Ago } from "@/components/time";
import { Button } from "@/components/ui/button";
import { Card, CardHeading } from "@/components/ui/card";
import { Progress } from "@/components/ui/progress";
import { Skeleton } from "@/components/ui/skeleton";
import { bytes, dateTime, duration } from "@/lib/format";
import { asProblem } from "@/lib/problem";
import type { Backups, Drill } from "@/lib/types";

import { backupsQuery, useBackUp, useDrill } from "./api";
import { KitCard } from "./kit-card";
import { t, tn, type PlainKey } from "./messages";

const OUTCOMES = {
  proved: { tone: "good", word: "backups.proved" },
  failed: { tone: "bad", word: "backups.failed_drill" },
  could_not_run: { tone: "waiting", word: "backups.could_not_run" },
} as const satisfies Record<Drill["outcome"], { tone: Tone; word: PlainKey }>;
const TREND_LENGTH = 10;

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className="flex justify-between gap-4">
      <dt className="shrink-0 text-soft">{name}</dt>
      <dd className="min-w-0 text-right break-words tabular-nums">{children}</dd>
    </div>
  );
}

/** Whether the next thing to be made or proved is one that somebody asked for. */
function isAsked({ wished }: Backups): boolean {
  return wished.includes("backup") || wished.includes("drill");
}

function UnderWay({ backups }: { backups: Backups }) {
  const { running } = backups.status;
  if (!running) return isAsked(backups) ? <p className="text-[13px] text-soft">{t("backups.asked")}</p> : null;
  const label = t("backups.under_way", { phase: running.phase });
  return (
    <div role="status" className="space-y-1.5">
      <p className="text-[13px] text-soft">{label}</p>
      <Progress fraction={running.fraction} label={label} />
    </div>
  );
}

function Snapshots({ backups }: { backups: Backups }) {
  const { snapshots = [] } = backups.status;
  if (snapshots.length === 0) return <Empty icon={Archive} heading={t("backups.none")} body={t("backups.none_body")} />;
  return (
    <Card aria-label={t("backups.heading")}>
      <ul className="divide-y divide-border">
        {snapshots.map((one) => (
          <li key={one.id} className="flex flex-wrap items-baseline gap-x-4 gap-y-0.5 px-4 py-2.5">
            <span className="min-w-0 flex-1 font-medium tabular-nums">{dateTime(one.made_at)}</span>
            <span className="text-[13px] text-soft tabular-nums">
              {[
                `${t("backups.database")} ${bytes(one.database_bytes)}`,
                `${tn("backups.files", one.blobs)} ${bytes(one.blobs_bytes)}`,
                one.added_bytes == null ? null : t("backups.new", { size: bytes(one.added_bytes) }),
                one.id,
              ]
                .filter(Boolean)
                .join(" · ")}
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Facts({ backups: { status, schedule, next_at, point_in_time } }: { backups: Backups }) {
  return (
    <Card aria-label={t("backups.when")}>
      <CardHeading>{t("backups.when")}</CardHeading>
      <dl className="space-y-1.5 p-4 text-[13px]">
        <Fact name={t("backups.last_good")}>
          {status.last_good_at ? <Ago time={status.last_good_at} /> : t("backups.not_yet")}
        </Fact>
        <Fact name={t("backups.last_proved")}>
          {status.last_proved_at ? <Ago time={status.last_proved_at} /> : t("backups.not_yet")}
        </Fact>
        <Fact name={t("backups.next")}>{next_at ? dateTime(next_at) : t("backups.never")}</Fact>
        {status.reach_from ? <Fact name={t("backups.reach")}>{dateTime(status.reach_from)}</Fact> : null}
        {point_in_time ? null : <Fact name={t("backups.between")}>{t("backups.between_elsewhere")}</Fact>}
        <Fact name={t("backups.kept")}>
          {t("backups.kept_for", {
            days: schedule.days ?? 0,
            weeks: schedule.weeks ?? 0,
            months: schedule.months ?? 0,
          })}
        </Fact>
        {status.repository ? <Fact name={t("backups.place")}>{status.repository}</Fact> : null}
        {status.repository_bytes == null ? null : (
          <Fact name={t("backups.size")}>{bytes(status.repository_bytes)}</Fact>
        )}
      </dl>
    </Card>
  );
}

function Drills({ drills }: { drills: readonly Drill[] }) {
  const times = drills.flatMap((drill) => drill.restore_s ?? []).slice(0, TREND_LENGTH);
  return (
    <Card aria-label={t("backups.drills")}>
      <CardHeading>{t("backups.drills")}</CardHeading>
      <p className="px-4 py-3 text-[13px] text-soft">
        {t(drills.length === 0 ? "backups.drills_none" : "backups.drills_subtitle")}
      </p>
      <ul className="divide-y divide-border">
        {drills.slice(0, TREND_LENGTH).map((drill) => (
          <li key={drill.at} className="px-4 py-2.5">
            <p className="flex flex-wrap items-baseline gap-2 text-[13px]">
              <Tag tone={OUTCOMES[drill.outcome].tone}>{t(OUTCOMES[drill.outcome].word)}</Tag>
              <Ago time={drill.at} />
              {drill.restore_s == null ? null : (
                <span className="text-soft">{t("backups.restored_in", { time: duration(drill.restore_s) })}</span>
              )}
            </p>
            <p className="mt-0.5 text-[13px] text-soft">{drill.sentence}</p>
          </li>
        ))}
      </ul>
      {times.length < 2 ? null : (
        <p className="border-t border-border px-4 py-2.5 text-[13px] text-soft">
          {t("backups.trend", { times: times.map((seconds) => duration(seconds)).join(", ") })}
        </p>
      )}
    </Card>
  );
}

function Actions({ backups }: { backups: Backups | undefined }) {
  const backUp = useBackUp();
  const drill = useDrill();
  const isBusy = backups?.status.running != null || (backups !== undefined && isAsked(backups));
  const say = { onError: (error: unknown) => void toast.error(asProblem(error).message) };
  return (
    <>
      <Button disabled={isBusy} isBusy={drill.isPending} onClick={() => drill.mutate(undefined, say)}>
        <FlaskConical aria-hidden /> {t("backups.drill")}
      </Button>
      <Button
        variant="primary"
        disabled={isBusy}
        isBusy={backUp.isPending}
        onClick={() => backUp.mutate(undefined, say)}
      >
        <Archive aria-hidden /> {t("backups.now")}
      </Button>
    </>
  );
}

export function BackupsPage() {
  const { data: backups, error } = useQuery(backupsQuery);
  const failure = backups?.status.failure;
  return (
    <Page title={t("backups.heading")} subtitle={t("backups.subtitle")} actions={<Actions backups={backups} />}>
      <div className="grid items-start gap-5 lg:grid-cols-[minmax(0,1fr)_21rem]">
        <div className="space-y-5">
          {error ? <ProblemNote error={error} /> : null}
          {failure ? (
            <FailureNote heading={t("backups.failed", { what: failure.what })}>{failure.sentence}</FailureNote>
          ) : null}
          {backups ? <UnderWay backups={backups} /> : null}
          {backups ? <Snapshots backups={backups} /> : <Skeleton className="h-40 rounded-xl" />}
        </div>
        <div className="space-y-5">
          {backups ? (
            <>
              {backups.kit?.is_wanted ? <KitCard backups={backups} /> : null}
              <Facts backups={backups} />
              {backups.kit?.is_wanted ? null : <KitCard backups={backups} />}
              <Drills drills={backups.status.drills ?? []} />
            </>
          ) : (
            <Skeleton className="h-72 rounded-xl" />
          )}
        </div>
      </div>
    </Page>
  );
}
