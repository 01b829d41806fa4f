import { expect, test } from "vitest";

import { ago, bytes, duration, measure, percent, playtime } from "@/lib/format";

test("sizes keep two meaningful digits", () => {
  expect([0, 999, 1536, 20e6, 5e9].map(bytes)).toEqual(["0 B", "999 B", "1.5 KB", "20 MB", "5.0 GB"]);
});

test("durations get coarser as they grow", () => {
  expect([0, 0.043, 0.9996, 7.25, 12.9, 185, 7800].map(duration)).toEqual([
    "0 s",
    "43 ms",
    "1.0 s",
    "7.3 s",
    "12 s",
    "3 min 05 s",
    "2 h 10 min",
  ]);
});

test("an amount is told in the unit of its port", () => {
  const told = [
    measure(1280, "px"),
    measure(12.5, "s"),
    measure(1536, "bytes"),
    measure(90, "°"),
    measure(1234567, "bit/s"),
  ];
  expect(told).toEqual(["1280 px", "12 s", "1.5 KB", "90°", "1,234,567 bit/s"]);
});

test("playing time reads like a player", () => {
  expect([4, 12.5, 75.2, 3671.9].map(playtime)).toEqual(["0:04", "0:12", "1:15", "1:01:11"]);
});

test("a moment ago is now, then it counts", () => {
  const now_ms = Date.parse("2026-11-23T12:00:00Z");
  expect(ago("2026-11-23T11:59:55Z", now_ms)).toBe("now");
  expect(ago("2026-11-23T11:57:00Z", now_ms)).toBe("3 min. ago");
  expect(ago("2026-11-20T12:00:00Z", now_ms)).toBe("3 days ago");
});

test("progress never claims to be done early", () => {
  expect([0.999, 1, 1.2, -1].map(percent)).toEqual(["99 %", "100 %", "100 %", "0 %"]);
});
