import { expect, test } from "vitest";

import type { Port } from "@/lib/types";

import { changes, portLooks, portSpecs } from "./port-specs";

const SCHEMA = {
  properties: {
    width: { anyOf: [{ type: "integer", minimum: 1, maximum: 99 }, { type: "null" }], default: null },
    fit: { enum: ["cover", "contain"], default: "cover" },
    text: { type: "string", maxLength: 9 },
  },
};
const PORTS: readonly Port[] = [
  { name: "image", type: "image", title: "Picture", required: true },
  { name: "width", type: "number", nullable: true },
  { name: "fit", type: "text" },
  { name: "text", type: "text" },
  { name: "body", type: "json", is_body: true },
  { name: "token", type: "text", secret: true },
  { name: "until", type: "json", locals: { round: "number" } },
];

test("ports become fields with their bounds, choices and defaults", () => {
  const specs = portSpecs(PORTS, SCHEMA, {});
  expect(specs.map((spec) => spec.name)).toEqual(["image", "width", "fit", "text"]);
  expect(specs[0]).toMatchObject({ label: "Picture", type: "image", isRequired: true });
  expect(specs[1]).toMatchObject({ label: "Width", min: 1, max: 99, isRequired: false, isMultiline: false });
  expect(specs[2]).toMatchObject({ choices: ["cover", "contain"], default: "cover", isMultiline: false });
  expect(specs[3]).toMatchObject({ max: 9, isMultiline: false });
  expect(portSpecs(PORTS, SCHEMA, { text: "two\nlines" })[3]).toMatchObject({ isMultiline: true });
});

test("what a step gives beyond its type, and lists of all items, are written as JSON", () => {
  const specs = portSpecs(PORTS.slice(0, 1), SCHEMA, { image: [], extra: 1 }, true);
  expect(specs.map((spec) => [spec.name, spec.type])).toEqual([
    ["image", "json"],
    ["extra", "json"],
  ]);
});

test("only what differs is sent, and a file is its id", () => {
  const specs = portSpecs(PORTS, SCHEMA, {});
  const before = { image: { asset: "a", name: "a.png", mime: "image/png" }, width: 8, fit: "cover" };
  expect(changes(specs, before, { image: { asset: "a" }, width: 8, fit: "cover" })).toEqual({});
  expect(changes(specs, before, { image: { asset: "b" }, fit: "cover" })).toEqual({
    image: { asset: "b" },
    width: null,
  });
});

test("values are called and counted as their type says", () => {
  const schema = { properties: { length_s: { anyOf: [{ type: "number", unit: "s" }, { type: "null" }] } } };
  const ports: readonly Port[] = [
    { name: "length_s", type: "number", title: "Length" },
    { name: "video_codec", type: "text" },
  ];
  expect([...portLooks(ports, schema)]).toEqual([
    ["length_s", { label: "Length", unit: "s" }],
    ["video_codec", { label: "Video codec", unit: null }],
  ]);
});
