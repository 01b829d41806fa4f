import { expect, test } from "vitest";

import { catalogue, t, tn } from "@/lib/messages";

test("values are filled in by name", () => {
  expect(t("page.title", { title: "Workflows" })).toBe("Workflows · Studio");
});

test("one thing and many things read differently", () => {
  expect([0, 1, 2].map((count) => tn("assets.count", count))).toEqual(["0 files", "1 file", "2 files"]);
});

test("a counted text may hold more than the count", () => {
  const { tn: counted } = catalogue({
    "test.done_one": "{done} of {count} item",
    "test.done_other": "{done} of {count} items",
  });
  expect([1, 3].map((count) => counted("test.done", count, { done: 1 }))).toEqual(["1 of 1 item", "1 of 3 items"]);
});
