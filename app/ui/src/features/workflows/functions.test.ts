import { expect, test } from "vitest";

import { byTopic, found, type ExpressionFunction } from "./functions";

const named = (name: string, topic: string, description: string): ExpressionFunction =>
  ({ name, topic, title: "", description }) as ExpressionFunction;
const ALL = [
  named("trim", "Texts", "Without blanks around it."),
  named("round", "Numbers", "To so many digits."),
  named("upper", "Texts", "In capitals."),
];

test("every word counts, wherever it stands", () => {
  expect(found(ALL, " texts  BLANKS ").map(({ name }) => name)).toEqual(["trim"]);
  expect(found(ALL, "")).toHaveLength(3);
});

test("functions of one topic stand together", () => {
  expect(byTopic(ALL).map(([topic, entries]) => [topic, entries.length])).toEqual([
    ["Texts", 2],
    ["Numbers", 1],
  ]);
});
