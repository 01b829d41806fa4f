import { expect, test } from "vitest";

import { t, tn } from "@/lib/messages";

test("values are filled in by name", () => {
  expect(t("page.title", { title: "Workflows" })).toBe("Workflows · Studio");
});

test("one thing and many things read differently", () => {
  expect([0, 1, 2].map((count) => tn("assets.count", count))).toEqual(["0 files", "1 file", "2 files"]);
});
