import { expect, test } from "vitest";

import { freshPlan, toPlan, toTiming, WEEK } from "./timing";

const zone = "Europe/Berlin";

test("days at a time become cron, and read back as days at a time", () => {
  const plan = { ...freshPlan(zone), time: "07:05", days: [5, 1] };
  const timing = toTiming(plan);
  expect(timing).toEqual({ kind: "cron", expression: "5 7 * * 1,5", time_zone: zone });
  expect(timing && toPlan(timing)).toMatchObject({ kind: "days", time: "07:05", days: [1, 5], zone });
});

test("every day is a star", () => {
  expect(toTiming(freshPlan(zone))).toEqual({ kind: "cron", expression: "0 9 * * *", time_zone: zone });
});

test.each([
  ["30 18 * * 1-5", [1, 2, 3, 4, 5]],
  ["30 18 * * 7", [0]],
  ["30  18 *  * *", [...WEEK]],
])("%s reads as days", (expression, days) => {
  expect(toPlan({ kind: "cron", expression, time_zone: zone })).toMatchObject({ kind: "days", time: "18:30", days });
});

test.each(["*/5 * * * *", "0 9 1 * *", "0 9 * 1 *", "0 9 * * MON", "0 9,17 * * *", "0 0 * * 5-1"])(
  "%s stays an expression or loses nothing",
  (expression) => {
    const timing = { kind: "cron", expression, time_zone: zone } as const;
    const plan = toPlan(timing);
    if (plan.kind === "cron") expect(toTiming(plan)).toEqual(timing);
    else expect(toTiming(plan)).toBeNull();
  },
);

test.each([
  [90, "90", "seconds"],
  [900, "15", "minutes"],
  [7_200, "2", "hours"],
  [172_800, "2", "days_unit"],
])("%i seconds read as %s %s and back", (seconds, amount, unit) => {
  const timing = { kind: "every", seconds, start_at: "2026-01-01T00:00:00Z" } as const;
  expect(toPlan(timing)).toMatchObject({ kind: "interval", amount, unit });
  expect(toTiming(toPlan(timing))).toEqual(timing);
});

test("what is not filled in is no timing", () => {
  const plan = freshPlan(zone);
  expect(toTiming({ ...plan, days: [] })).toBeNull();
  expect(toTiming({ ...plan, time: "" })).toBeNull();
  for (const amount of ["", "0", "-1", "soon"]) expect(toTiming({ ...plan, kind: "interval", amount })).toBeNull();
  expect(toTiming({ ...plan, kind: "cron", expression: "  " })).toBeNull();
});
