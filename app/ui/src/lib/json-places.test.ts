import { expect, test } from "vitest";

import { locate } from "@/lib/json-places";

const TEXT = `{
  "schema": 1,
  "inputs": { "photos": { "type": "imagee" } },
  "nodes": [
    { "id": "frames", "type": "image.transform", "with": { "image": "{{ inputs.foto }}", "size": [1, 2] } },
    { "type": "core.set" }
  ],
  "outputs": { "say \\"hi\\"": "a\\nb {{ nobody }}" }
}`;

const marked = (complaint: { node?: string; field?: string; column?: number }): string => {
  const { from, to } = locate(TEXT, { message: "", ...complaint });
  return TEXT.slice(from, to);
};

test("a field of a node is marked at its value", () => {
  expect(marked({ node: "frames", field: "type" })).toBe('"image.transform"');
});

test("a column marks from that letter of the text to its end", () => {
  expect(marked({ node: "frames", field: "with.image", column: 4 })).toBe("inputs.foto }}");
});

test("a column counts letters, not escapes", () => {
  expect(marked({ field: 'outputs.say "hi"', column: 4 })).toBe(" {{ nobody }}");
});

test("places inside lists are found", () => {
  expect(marked({ node: "frames", field: "with.size[1]" })).toBe("2");
});

test("a field of the document needs no node", () => {
  expect(marked({ field: "inputs.photos.type" })).toBe('"imagee"');
});

test("a field that is not there marks the deepest thing that is", () => {
  expect(marked({ node: "frames", field: "with.width" })).toBe("{");
  expect(marked({ node: "frames", field: "retry.max" })).toBe('"id": "frames"');
});

test("a node without an id is found by its place", () => {
  expect(marked({ node: "nodes[1]", field: "type" })).toBe('"core.set"');
  expect(marked({ field: "nodes[1].type" })).toBe('"core.set"');
});

test("a complaint without a place is shown on the first line, never lost", () => {
  expect(marked({})).toBe("{");
  expect(marked({ node: "nobody", field: "type" })).toBe("{");
  expect(locate("", { message: "" })).toEqual({ from: 0, to: 0 });
});
