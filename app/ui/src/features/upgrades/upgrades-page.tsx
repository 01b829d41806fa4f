/** The version that runs, the way back, every version that was here, and upgrades that were tried on a copy. */
import { useQuery } from "@tanstack/react-query";

import { CopyField } from "@/components/copy-field";
import { Page } from "@/components/page";
import { ProblemNote } from "@/components/problem-note";
import { Tag } from "@/components/tag";
import { Ago } from "@/components/time";
import { Card, CardHeading } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { dateTime, duration } from "@/lib/format";

import { upgradesQuery, type Rehearsal, type Seen } from "./api";
import { t } from "./messages";
import { OUTCOMES } from "./outcomes";
import { VersionCard } from "./version-card";
import { WayBackCard } from "./way-back-card";

const REHEARSE = "studio upgrade rehearse";

function History({ seen }: { seen: readonly Seen[] }) {
  return (
    <Card aria-label={t("upgrades.seen")}>
      <CardHeading>{t("upgrades.seen")}</CardHeading>
      {seen.length === 0 ? <p className="p-4 text-[13px] text-soft">{t("upgrades.seen_none")}</p> : null}
      <ul className="divide-y divide-border">
        {seen.map((one) => (
          <li key={one.since} className="px-4 py-2.5">
            <p className="flex items-baseline gap-x-3">
              <span className="font-medium tabular-nums">{one.version}</span>
              <Tag tone={OUTCOMES[one.outcome].tone}>{t(OUTCOMES[one.outcome].word)}</Tag>
              <span className="ml-auto text-[13px] text-soft tabular-nums">{dateTime(one.since)}</span>
            </p>
            <p className="text-[13px] break-words text-soft">
              {[one.former === null ? null : t("upgrades.from", { version: one.former }), one.schema]
                .filter(Boolean)
                .join(" · ")}
            </p>
            {one.failure === null ? null : <p className="mt-0.5 text-[13px] text-soft">{one.failure}</p>}
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Rehearsals({ rehearsals }: { rehearsals: readonly Rehearsal[] }) {
  return (
    <Card aria-label={t("upgrades.rehearsals")}>
      <CardHeading>{t("upgrades.rehearsals")}</CardHeading>
      <div className="space-y-3 p-4">
        <p className="text-[13px] text-soft">{t("upgrades.rehearse_why")}</p>
        <CopyField label={t("upgrades.command")} value={REHEARSE} />
      </div>
      <ul className="divide-y divide-border border-t border-border empty:hidden">
        {rehearsals.map((one) => (
          <li key={one.at} className="space-y-0.5 px-4 py-2.5 text-[13px]">
            <p className="flex flex-wrap items-baseline gap-2">
              <Tag tone={one.is_right ? "good" : "bad"}>{t(one.is_right ? "upgrades.right" : "upgrades.wrong")}</Tag>
              <span className="font-medium tabular-nums">{one.studio}</span>
              <Ago time={one.at} className="text-soft" />
            </p>
            <p className="break-words">{one.sentence}</p>
            <p className="text-soft">
              {t("upgrades.of_backup", { time: dateTime(one.moment) })},{" "}
              {t("upgrades.took", { restore: duration(one.restore_s), migrate: duration(one.migrate_s) })}
            </p>
          </li>
        ))}
      </ul>
    </Card>
  );
}

export function UpgradesPage() {
  const { data: upgrades, error } = useQuery(upgradesQuery);
  return (
    <Page title={t("upgrades.heading")} subtitle={t("upgrades.subtitle")}>
      {error ? <ProblemNote error={error} className="mb-5" /> : null}
      {upgrades === undefined ? (
        <Skeleton className="h-72 rounded-xl" />
      ) : (
        <div className="grid items-start gap-5 lg:grid-cols-[minmax(0,1fr)_21rem]">
          <div className="space-y-5">
            <VersionCard upgrades={upgrades} />
            <WayBackCard upgrades={upgrades} />
            <History seen={upgrades.seen} />
          </div>
          <Rehearsals rehearsals={upgrades.rehearsals} />
        </div>
      )}
    </Page>
  );
}
