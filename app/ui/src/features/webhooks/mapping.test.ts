import { expect, test } from "vitest";

import { toInputs, toTexts } from "./mapping";

test.each([
  ["{{ body.title }}", "{{ body.title }}"],
  ["Hello {{ body.name }}!", "Hello {{ body.name }}!"],
  ["plain words", "plain words"],
  ["5", 5],
  ["true", true],
  ['{"asset": "1"}', { asset: "1" }],
  ['["{{ body.a }}", 2]', ["{{ body.a }}", 2]],
  ["{{ {'a': 1} }}", "{{ {'a': 1} }}"],
])("%s is saved as what it means", (text, value) => {
  expect(toInputs({ input: text })).toEqual({ input: value });
});

test("what is empty is left out, and by name stays by name", () => {
  expect(toInputs({ a: "  ", b: "x" })).toEqual({ b: "x" });
  expect(toInputs(null)).toBeNull();
  expect(toTexts(null)).toBeNull();
});

test("what was saved reads back", () => {
  const inputs = { a: "{{ body.a }}", b: 5, c: ["{{ body.c }}"] };
  expect(toInputs(toTexts(inputs))).toEqual(inputs);
});
