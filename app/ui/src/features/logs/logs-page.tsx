/** The lines of the box with filters; the newest stands first. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { ScrollText } from "lucide-react";
import { useDeferredValue, useId, useState } from "react";

import { Field } from "@/components/field";
import { LoadMore } from "@/components/load-more";
import { Empty, Page } from "@/components/page";
import { ProblemNote } from "@/components/problem-note";
import { Tag, type Tone } from "@/components/tag";
import { Input, Select } from "@/components/ui/input";
import { Skeleton } from "@/components/ui/skeleton";
import { Switch } from "@/components/ui/switch";
import { dateTime } from "@/lib/format";
import { itemsOf } from "@/lib/paging";
import type { BoxLine } from "@/lib/types";

import { linesQuery, type Filters } from "./api";
import { t } from "./messages";

const LEVELS = ["INFO", "WARNING", "ERROR"] as const;
const TONES: Record<string, Tone> = { WARNING: "waiting", ERROR: "bad", CRITICAL: "bad" };
/** What stands beside the message; the action word is for machines. */
const HIDDEN = new Set(["action"]);

function Line({ line }: { line: BoxLine }) {
  const about = Object.entries(line.fields).filter(([name]) => !HIDDEN.has(name));
  return (
    <li className="grid gap-x-3 gap-y-0.5 px-4 py-2 text-[13px] sm:grid-cols-[11rem_7rem_minmax(0,1fr)]">
      <time dateTime={line.at} className="text-soft tabular-nums">
        {dateTime(line.at)}
      </time>
      <span className="flex items-center gap-1.5 truncate text-soft">{line.program}</span>
      <div className="min-w-0">
        <p className="break-words">
          {line.level === "INFO" ? null : (
            <span className="mr-1.5">
              <Tag tone={TONES[line.level] ?? "idle"}>{line.level}</Tag>
            </span>
          )}
          {line.message}
        </p>
        {about.length === 0 ? null : (
          <p className="font-mono text-xs break-words whitespace-pre-wrap text-faint">
            {about
              .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
              .join("  ")}
          </p>
        )}
      </div>
    </li>
  );
}

export function LogsPage() {
  const [filters, setFilters] = useState<Filters>({});
  const [isLive, setLive] = useState(true);
  const liveId = useId();
  const programsId = useId();
  const list = useInfiniteQuery(linesQuery(useDeferredValue(filters), isLive));
  const lines = itemsOf(list.data) ?? [];
  const programs = [...new Set(lines.map((line) => line.program))].toSorted();
  const change = (part: Filters): void => setFilters((before) => ({ ...before, ...part }));
  return (
    <Page title={t("logs.heading")} subtitle={t("logs.subtitle")} isWide>
      <form
        aria-label={t("logs.filters")}
        onSubmit={(event) => event.preventDefault()}
        className="mb-4 grid gap-3 sm:grid-cols-[11rem_11rem_minmax(0,1fr)_auto]"
      >
        <Field label={t("logs.program")}>
          {(control) => (
            <>
              <Input
                {...control}
                list={programsId}
                autoComplete="off"
                maxLength={60}
                value={filters.program ?? ""}
                onChange={(event) => change({ program: event.target.value || null })}
              />
              <datalist id={programsId}>
                {programs.map((program) => (
                  <option key={program} value={program} />
                ))}
              </datalist>
            </>
          )}
        </Field>
        <Field label={t("logs.level")}>
          {(control) => (
            <Select
              {...control}
              value={filters.level ?? ""}
              onChange={(event) => change({ level: LEVELS.find((level) => level === event.target.value) ?? null })}
            >
              <option value="">{t("logs.every")}</option>
              {LEVELS.map((level) => (
                <option key={level} value={level}>
                  {t("logs.and_worse", { level })}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label={t("logs.text")}>
          {(control) => (
            <Input
              {...control}
              type="search"
              maxLength={200}
              value={filters.grep ?? ""}
              onChange={(event) => change({ grep: event.target.value || null })}
            />
          )}
        </Field>
        <div className="flex h-9 items-center gap-2 self-end text-[13px]">
          <Switch id={liveId} checked={isLive} onCheckedChange={setLive} />
          <label htmlFor={liveId}>{t("logs.live")}</label>
        </div>
      </form>
      {list.error ? <ProblemNote error={list.error} /> : null}
      {list.isPending ? <Skeleton className="h-72 rounded-xl" /> : null}
      {list.data && lines.length === 0 ? (
        <Empty icon={ScrollText} heading={t("logs.empty")} body={t("logs.empty_body")} />
      ) : null}
      {lines.length === 0 ? null : (
        <ul
          aria-label={t("logs.list")}
          className="divide-y divide-border overflow-hidden rounded-xl border border-border bg-surface shadow-card"
        >
          {lines.map((line) => (
            <Line key={line.id} line={line} />
          ))}
        </ul>
      )}
      <LoadMore list={list} />
    </Page>
  );
}
