import { expect, test } from "vitest";

import { bodyOf, readGraph, readInputs, titled } from "@/lib/definition";
import { place } from "@/lib/layout";

const STORY = {
  schema: 1,
  inputs: { photos: { type: "image[]", label: "Photos", min: 1 }, max_width: { type: "number", default: null } },
  nodes: [
    { id: "frames", type: "image.transform", each: "{{ inputs.photos }}", with: { image: "{{ item }}" } },
    {
      id: "film",
      type: "video.slideshow",
      with: { images: "{{ steps.frames.outputs.image }}", title: "steps.nobody is text" },
    },
    { id: "mail", type: "http.request", needs: ["film"], when: "{{ size(steps.frames.outputs.image) > 1 }}" },
  ],
  ui: { frames: { x: 0, y: 0 }, film: { x: 320, y: 0 } },
};

test("an input is required until it has a default, and null is one", () => {
  const [photos, width] = readInputs(STORY);
  expect(photos).toMatchObject({ name: "photos", label: "Photos", isRequired: true, min: 1 });
  expect(width).toMatchObject({ label: "Max width", isRequired: false, default: null });
});

test("edges come from expressions and from needs, never from plain text", () => {
  expect(readGraph(STORY).edges).toEqual([
    { from: "frames", to: "film" },
    { from: "frames", to: "mail" },
    { from: "film", to: "mail" },
  ]);
});

test("edges also come from ways out of a step and from where its errors go", () => {
  const nodes = [
    { id: "route", type: "core.switch", on_error: { go: "rescue" } },
    { id: "large", type: "core.set", needs: ["route.large"] },
    { id: "rescue", type: "core.set" },
  ];
  expect(readGraph({ nodes }).edges).toEqual([
    { from: "route", to: "large" },
    { from: "route", to: "rescue" },
  ]);
});

test("the steps written into a node are a workflow of their own", () => {
  const deep = { nodes: [{ id: "a", type: "core.set" }] };
  const inner = { nodes: [{ id: "deep", type: "core.repeat", with: { body: deep } }] };
  const value = "{{ steps.a.outputs.value }}";
  const body = { nodes: [...inner.nodes, { id: "b", type: "core.set", with: { value } }] };
  const whole = {
    nodes: [
      { id: "a", type: "core.set" },
      { id: "again", type: "core.repeat", with: { body } },
    ],
  };
  expect(bodyOf(whole, "")).toBe(whole);
  expect(bodyOf(whole, "again/deep")).toEqual(deep);
  expect(readGraph(bodyOf(whole, "gone")).nodes).toEqual([]);
  expect(readGraph(whole).edges).toEqual([]);
});

test("a document that is no workflow gives an empty graph instead of an error", () => {
  for (const broken of [null, 7, [], { nodes: {} }, { nodes: [null, { type: "x" }] }]) {
    expect(readGraph(broken)).toEqual({ nodes: [], edges: [] });
  }
});

test("a half-placed document is laid out anew, so that no node covers another", () => {
  const { nodes, edges } = readGraph(STORY);
  const places = [...place(nodes, edges, "right").values()].map(({ x, y }) => `${String(x)},${String(y)}`);
  expect(new Set(places).size).toBe(3);
});

test("going down, a node stands below the ones it needs", () => {
  const { nodes, edges } = readGraph(STORY);
  const places = place(nodes, edges, "down");
  expect(places.get("film")?.y).toBeGreaterThan(places.get("frames")?.y ?? Infinity);
});

test("names become words", () => {
  expect(titled("seconds_per_image")).toBe("Seconds per image");
});
