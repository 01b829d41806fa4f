/** The version that runs: what it did to the database, how it was tried, and whether it is believed. */
import { useState, type ReactNode } from "react";
import { toast } from "sonner";

import { FailureNote } from "@/components/problem-note";
import { Tag } from "@/components/tag";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { ConfirmWindow } from "@/components/ui/dialog";
import { dateTime } from "@/lib/format";
import { asProblem } from "@/lib/problem";

import { useMarkHealthy, type Seen, type Upgrades } from "./api";
import { t } from "./messages";
import { OUTCOMES } from "./outcomes";

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="grid gap-x-4 sm:grid-cols-[11rem_minmax(0,1fr)]">
      <dt className="text-soft">{name}</dt>
      <dd className="break-words tabular-nums max-sm:mb-1.5">{children}</dd>
    </div>
  );
}

function backupOf(seen: Seen): string {
  if (seen.backup !== null) return seen.backup;
  return t(seen.former_schema === seen.schema ? "upgrades.no_need" : "upgrades.no_backup");
}

function Story({ seen }: { seen: Seen }) {
  return (
    <>
      <Fact name={t("upgrades.since")}>{dateTime(seen.since)}</Fact>
      <Fact name={t("upgrades.former")}>
        {seen.former === null ? t("upgrades.first") : t("upgrades.now", { version: seen.former })}
      </Fact>
      {seen.former === null ? null : <Fact name={t("upgrades.backup")}>{backupOf(seen)}</Fact>}
      <Fact name={t("upgrades.canary")}>
        <span className="inline-block first-letter:uppercase">
          {seen.canary ?? t(seen.former === null ? "upgrades.canary_needless" : "upgrades.canary_none")}
        </span>
      </Fact>
      {seen.healthy_at === null ? null : <Fact name={t("upgrades.healthy_at")}>{dateTime(seen.healthy_at)}</Fact>}
    </>
  );
}

function Mark({ isAsked }: { isAsked: boolean }) {
  const [isAsking, setAsking] = useState(false);
  const mark = useMarkHealthy();
  if (isAsked) return <p className="text-[13px] text-soft">{t("upgrades.asked")}</p>;
  return (
    <>
      <Button isBusy={mark.isPending} onClick={() => setAsking(true)}>
        {t("upgrades.mark")}
      </Button>
      <ConfirmWindow
        isOpen={isAsking}
        onOpenChange={setAsking}
        heading={t("upgrades.mark_sure")}
        body={t("upgrades.mark_body")}
        action={t("upgrades.mark")}
        onConfirm={() => mark.mutate(undefined, { onError: (error) => void toast.error(asProblem(error).message) })}
      />
    </>
  );
}

export function VersionCard({ upgrades }: { upgrades: Upgrades }) {
  const [seen] = upgrades.seen;
  const heading = t("upgrades.now", { version: upgrades.version });
  const { schema, schema_wanted: wanted } = upgrades;
  return (
    <Card aria-label={heading} className="space-y-4 p-4">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <h2 className="text-lg font-semibold tracking-[-0.01em] tabular-nums">{heading}</h2>
        {seen === undefined ? null : <Tag tone={OUTCOMES[seen.outcome].tone}>{t(OUTCOMES[seen.outcome].word)}</Tag>}
      </div>
      {seen?.failure ? <FailureNote heading={seen.failure} /> : null}
      <dl className="space-y-1.5 text-[13px]">
        <Fact name={t("upgrades.schema")}>
          {schema === wanted ? schema : t("upgrades.schema_behind", { schema: schema ?? "–", wanted })}
        </Fact>
        {seen === undefined ? null : <Story seen={seen} />}
      </dl>
      {seen?.outcome === "untried" || seen?.outcome === "failed" ? <Mark isAsked={upgrades.is_asked} /> : null}
    </Card>
  );
}
