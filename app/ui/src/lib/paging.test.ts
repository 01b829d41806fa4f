import { expect, test } from "vitest";

import { itemsOf, PAGED } from "@/lib/paging";

test("a list goes on by the cursor of its last page until there is none", () => {
  expect(PAGED.getNextPageParam({ next_cursor: "more" })).toBe("more");
  expect(PAGED.getNextPageParam({ next_cursor: null })).toBeNull();
});

test("its items are those of every page, and nothing is not the same as none", () => {
  expect(itemsOf({ pages: [{ items: [1, 2] }, { items: [3] }] })).toEqual([1, 2, 3]);
  expect(itemsOf({ pages: [{ items: [] }] })).toEqual([]);
  expect(itemsOf(undefined)).toBeUndefined();
});
