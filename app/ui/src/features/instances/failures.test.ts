import { expect, test } from "vitest";

import type { Instance, Step } from "@/lib/types";

import { failuresOf, isToldAbove } from "./failures";

const DAMAGED = "“b.jpg” is a damaged picture.";
const GONE = "The address does not answer.";

const failed = (message: string | null, path: number[] = []): Step =>
  ({ node_id: "frames", path, error: message === null ? null : { class: "bad_input", message } }) as Step;
const instance = (message: string, step: string): Instance =>
  ({ error: { class: "bad_input", message, step } }) as Instance;

test("what ended the run is told at its top alone", () => {
  const step = failed(`Item 2: ${DAMAGED}`);
  expect(isToldAbove(instance(`Item 2: ${DAMAGED}`, "frames"), step)).toBe(true);
  expect(isToldAbove(instance(`Item 2: ${DAMAGED}`, "film"), step)).toBe(false);
  expect(isToldAbove({ error: null } as Instance, step)).toBe(false);
  expect(failuresOf([failed(null, [0]), failed(DAMAGED, [1])], step)).toEqual([]);
});

test("items that failed of the same are told together, beside those of another kind", () => {
  const items = [failed(GONE, [0]), failed(null, [1]), failed(DAMAGED, [2, 0]), failed(GONE, [3])];
  expect(failuresOf(items, failed(null))).toEqual([
    { message: GONE, places: ["1", "4"] },
    { message: DAMAGED, places: ["3.1"] },
  ]);
});
