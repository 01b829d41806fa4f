/** A timing as a person fills it in, and back: days at a time, every so often, or a cron expression. */
import type { Timing } from "@/lib/types";

export const UNITS = ["minutes", "hours", "days_unit", "seconds"] as const;
export type Unit = (typeof UNITS)[number];
const SECONDS: Record<Unit, number> = { seconds: 1, minutes: 60, hours: 3_600, days_unit: 86_400 };

/** Sunday is 0, as in cron. A week begins on Monday here. */
export const WEEK = [1, 2, 3, 4, 5, 6, 0] as const;

export type Plan = {
  kind: "days" | "interval" | "cron";
  time: string;
  days: readonly number[];
  amount: string;
  unit: Unit;
  expression: string;
  zone: string;
  /** From when an interval counts; kept as it was. */
  startAt: string | null;
};

export function zoneHere(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Every zone this browser knows, and the one that is set. */
export function zonesWith(zone: string): string[] {
  return [...new Set(["UTC", zone, ...Intl.supportedValuesOf("timeZone")])].toSorted();
}

export function freshPlan(zone: string): Plan {
  return {
    kind: "days",
    time: "09:00",
    days: WEEK,
    amount: "1",
    unit: "hours",
    expression: "0 9 * * *",
    zone,
    startAt: null,
  };
}

const DAILY = /^(\d{1,2}) (\d{1,2}) \* \* (\*|[0-7](?:,[0-7])*|[0-7]-[0-7])$/;

function daysOf(field: string): number[] {
  if (field === "*") return [...WEEK];
  const [first, last] = field.split("-").map(Number);
  if (field.includes("-") && first !== undefined && last !== undefined) {
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => (first + index) % 7);
  }
  return field.split(",").map((day) => Number(day) % 7);
}

/** A saved timing as the form shows it; whatever is no plain time of day stays an expression. */
export function toPlan(timing: Timing): Plan {
  const fresh = freshPlan(timing.kind === "cron" ? (timing.time_zone ?? "UTC") : zoneHere());
  if (timing.kind === "every") {
    const unit = (["days_unit", "hours", "minutes"] as const).find((one) => timing.seconds % SECONDS[one] === 0);
    const chosen = unit ?? "seconds";
    return {
      ...fresh,
      kind: "interval",
      amount: String(timing.seconds / SECONDS[chosen]),
      unit: chosen,
      startAt: timing.start_at ?? null,
    };
  }
  const expression = timing.expression.trim().replaceAll(/\s+/g, " ");
  const [, minute, hour, days] = DAILY.exec(expression) ?? [];
  if (minute === undefined || hour === undefined || days === undefined) return { ...fresh, kind: "cron", expression };
  const time = `${hour.padStart(2, "0")}:${minute.padStart(2, "0")}`;
  return { ...fresh, time, days: daysOf(days), expression };
}

/** What the form says, null while it says nothing that could be saved. */
export function toTiming(plan: Plan): Timing | null {
  switch (plan.kind) {
    case "days": {
      const [hour, minute] = plan.time.split(":").map(Number);
      if (hour === undefined || minute === undefined || plan.days.length === 0) return null;
      if (!Number.isInteger(hour) || !Number.isInteger(minute)) return null;
      const days = plan.days.length === 7 ? "*" : plan.days.toSorted((one, other) => one - other).join(",");
      return { kind: "cron", expression: `${minute} ${hour} * * ${days}`, time_zone: plan.zone };
    }
    case "interval": {
      const amount = Number(plan.amount);
      if (plan.amount.trim() === "" || !Number.isFinite(amount) || amount <= 0) return null;
      return { kind: "every", seconds: Math.round(amount * SECONDS[plan.unit]), start_at: plan.startAt };
    }
    case "cron": {
      const expression = plan.expression.trim();
      return expression === "" ? null : { kind: "cron", expression, time_zone: plan.zone };
    }
  }
}
