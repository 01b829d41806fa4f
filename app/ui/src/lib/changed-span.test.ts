import { describe, expect, test } from "vitest";

import { changedSpan } from "@/lib/changed-span";

describe("what two texts share", () => {
  test.each([
    ["a red fox", "a blue fox", { start: "a ", before: "red", after: "blue", end: " fox" }],
    ["red", "blue", { start: "", before: "red", after: "blue", end: "" }],
    ["{{ inputs.title }}", "{{ inputs.titel }}", { start: "{{ inputs.", before: "title", after: "titel", end: " }}" }],
    ["one two", "one two three", { start: "one two", before: "", after: " three", end: "" }],
    ["aaa", "aa", { start: "", before: "aaa", after: "aa", end: "" }],
    ["1280", "1920", { start: "", before: "1280", after: "1920", end: "" }],
    ["", "new", { start: "", before: "", after: "new", end: "" }],
    ["same", "same", { start: "same", before: "", after: "", end: "" }],
  ])("%j becomes %j", (before, after, span) => {
    expect(changedSpan(before, after)).toEqual(span);
  });

  test("both texts can be put together again", () => {
    const texts = ["", "a", "ab ab", "ab  ab", "über über", "x.y", "x..y", "a b c", "c b a"];
    for (const before of texts) {
      for (const after of texts) {
        const span = changedSpan(before, after);
        expect(span.start + span.before + span.end).toBe(before);
        expect(span.start + span.after + span.end).toBe(after);
      }
    }
  });
});
