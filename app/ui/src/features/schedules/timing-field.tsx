/** When a schedule fires: three ways to say it, and what that means in the days to come. */
import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useMemo } from "react";

import { Complaints, Field } from "@/components/field";
import { Input, Select } from "@/components/ui/input";
import { dateTime } from "@/lib/format";
import { asProblem } from "@/lib/problem";

import { previewQuery } from "./api";
import { t, tn, type PlainKey } from "./messages";
import { toTiming, UNITS, WEEK, zoneHere, zonesWith, type Plan, type Unit } from "./timing";

const KINDS = ["days", "interval", "cron"] as const;
const weekday = new Intl.DateTimeFormat("en", { weekday: "short", timeZone: "UTC" });
/** 4 January 2026 is a Sunday. */
const dayName = (day: number): string => weekday.format(Date.UTC(2026, 0, 4 + day));
const local = new Intl.DateTimeFormat("en-GB", { weekday: "short" });

type FieldProps = { plan: Plan; onChange: (change: Partial<Plan>) => void };

function Weekdays({ plan, onChange }: FieldProps) {
  return (
    <fieldset>
      <legend className="mb-1.5 text-[13px] font-medium">{t("timing.weekdays")}</legend>
      <div className="flex flex-wrap gap-1.5">
        {WEEK.map((day) => (
          <label
            key={day}
            className="cursor-pointer rounded-md border border-border-strong bg-surface px-2.5 py-1.5 text-[13px] transition-colors has-checked:border-accent has-checked:bg-accent-soft has-checked:text-accent has-focus-visible:outline-2 has-focus-visible:outline-accent dark:bg-sunken"
          >
            <input
              type="checkbox"
              className="sr-only"
              checked={plan.days.includes(day)}
              onChange={(event) =>
                onChange({ days: event.target.checked ? [...plan.days, day] : plan.days.filter((one) => one !== day) })
              }
            />
            {dayName(day)}
          </label>
        ))}
      </div>
      <Complaints list={plan.days.length === 0 ? [t("timing.no_days")] : []} />
    </fieldset>
  );
}

function Zone({ plan, onChange }: FieldProps) {
  const zones = useMemo(() => zonesWith(plan.zone), [plan.zone]);
  return (
    <Field label={t("timing.zone")} hint={t("timing.zone_hint")}>
      {(control) => (
        <Select {...control} value={plan.zone} onChange={(event) => onChange({ zone: event.target.value })}>
          {zones.map((zone) => (
            <option key={zone}>{zone}</option>
          ))}
        </Select>
      )}
    </Field>
  );
}

function Interval({ plan, onChange }: FieldProps) {
  return (
    <div className="flex gap-3">
      <Field label={t("timing.every")} className="w-28">
        {(control) => (
          <Input
            {...control}
            inputMode="numeric"
            autoComplete="off"
            value={plan.amount}
            onChange={(event) => onChange({ amount: event.target.value, startAt: null })}
          />
        )}
      </Field>
      <Field label={t("timing.unit")} className="w-40">
        {(control) => (
          <Select
            {...control}
            value={plan.unit}
            onChange={(event) => onChange({ unit: event.target.value as Unit, startAt: null })}
          >
            {UNITS.map((unit) => (
              <option key={unit} value={unit}>
                {tn(`timing.${unit}`, Number(plan.amount))}
              </option>
            ))}
          </Select>
        )}
      </Field>
    </div>
  );
}

/** The next times as clocks here show them, or why there are none. */
function NextTimes({ plan }: { plan: Plan }) {
  const timing = useDeferredValue(useMemo(() => toTiming(plan), [plan]));
  const preview = useQuery({ ...previewQuery(timing), placeholderData: (before) => before });
  if (timing === null) return null;
  if (preview.error) {
    const { message, complaints } = asProblem(preview.error);
    return <Complaints list={complaints.length > 0 ? complaints.map((one) => one.message) : [message]} />;
  }
  const isElsewhere = timing.kind === "cron" && timing.time_zone !== zoneHere();
  return (
    <section
      aria-label={t("timing.next")}
      aria-busy={preview.isFetching}
      className="rounded-lg border border-border bg-sunken/60 px-3.5 py-3 text-[13px]"
    >
      <p className="font-medium">{preview.data?.words ?? t("common.loading")}</p>
      <p className="mt-2 text-xs text-soft">{isElsewhere ? t("timing.next_here") : t("timing.next")}</p>
      <ol className="mt-1 space-y-0.5 tabular-nums">
        {preview.data?.times.map((time) => (
          <li key={time}>
            <time dateTime={time}>
              {local.format(new Date(time))}, {dateTime(time)}
            </time>
          </li>
        ))}
      </ol>
    </section>
  );
}

export function TimingField({ plan, onChange }: FieldProps) {
  const names: Record<Plan["kind"], PlainKey> = {
    days: "timing.days",
    interval: "timing.interval",
    cron: "timing.cron",
  };
  return (
    <div className="space-y-4">
      <Field label={t("timing.when")}>
        {(control) => (
          <Select
            {...control}
            value={plan.kind}
            onChange={(event) => onChange({ kind: event.target.value as Plan["kind"] })}
          >
            {KINDS.map((kind) => (
              <option key={kind} value={kind}>
                {t(names[kind])}
              </option>
            ))}
          </Select>
        )}
      </Field>
      {plan.kind === "days" ? (
        <>
          <Weekdays plan={plan} onChange={onChange} />
          <div className="grid gap-4 sm:grid-cols-[9rem_1fr]">
            <Field label={t("timing.time")}>
              {(control) => (
                <Input
                  {...control}
                  type="time"
                  value={plan.time}
                  onChange={(event) => onChange({ time: event.target.value })}
                />
              )}
            </Field>
            <Zone plan={plan} onChange={onChange} />
          </div>
        </>
      ) : null}
      {plan.kind === "interval" ? <Interval plan={plan} onChange={onChange} /> : null}
      {plan.kind === "cron" ? (
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label={t("timing.expression")} hint={t("timing.expression_hint")}>
            {(control) => (
              <Input
                {...control}
                autoComplete="off"
                spellCheck={false}
                className="font-mono text-[13px]"
                value={plan.expression}
                onChange={(event) => onChange({ expression: event.target.value })}
              />
            )}
          </Field>
          <Zone plan={plan} onChange={onChange} />
        </div>
      ) : null}
      <NextTimes plan={plan} />
    </div>
  );
}
