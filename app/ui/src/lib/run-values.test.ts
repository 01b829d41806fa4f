import { expect, test } from "vitest";

import type { AssetEntry } from "@/lib/asset-entry";
import { readInputs } from "@/lib/definition";
import { Problem } from "@/lib/problem";
import { fieldOf, initialValue, toInputs } from "@/lib/run-values";

const specs = (inputs: Record<string, unknown>) => readInputs({ inputs });
const file = (id: string) => ({ asset: id, name: `${id}.jpg`, mime: "image/jpeg", size_bytes: 1 });
const ready = (id: string): AssetEntry => ({ key: id, state: "ready", file: file(id) });

test("files go as their ids, in the order of the field", () => {
  const photos = specs({ photos: { type: "image[]" } });
  expect(toInputs(photos, { photos: [ready("b"), ready("a")] }).inputs).toEqual({
    photos: [{ asset: "b" }, { asset: "a" }],
  });
});

test("a refused upload is not left out in silence, and too few files are said at the field", () => {
  const photos = specs({ photos: { type: "image[]", min: 1 }, cover: { type: "image", default: null } });
  const failed: AssetEntry = {
    key: "x",
    state: "failed",
    name: "x",
    problem: new Problem({ status: 422, detail: "no" }),
  };
  const complaints = (photo: AssetEntry[], cover: AssetEntry[] = []) =>
    toInputs(photos, { photos: photo, cover }).complaints;
  expect(complaints([])).toEqual({ photos: ["Add at least 1 file."] });
  expect(complaints([ready("a"), failed])).toEqual({ photos: ["1 file was refused. Remove it before you run."] });
  expect(complaints([ready("a")], [failed])).toEqual({ cover: ["1 file was refused. Remove it before you run."] });
  expect(complaints([ready("a")])).toEqual({});
});

test("an upload under way keeps the form waiting instead of complaining", () => {
  const photos = specs({ photos: { type: "image[]", min: 1 } });
  const going: AssetEntry = {
    key: "x",
    state: "uploading",
    name: "x",
    size_bytes: 1,
    fraction: 0.5,
    cancel: () => undefined,
  };
  expect(toInputs(photos, { photos: [going] })).toMatchObject({ waiting: 1, complaints: {} });
});

test("a number is read with a decimal comma and held to its bounds", () => {
  const seconds = specs({ seconds: { type: "number", min: 0.5, max: 10 } });
  expect(toInputs(seconds, { seconds: "2,5" }).inputs).toEqual({ seconds: 2.5 });
  expect(toInputs(seconds, { seconds: "11" }).complaints).toEqual({ seconds: ["At most 10"] });
  expect(toInputs(seconds, { seconds: "soon" }).complaints).toEqual({ seconds: ["This is not a number."] });
});

test("a choice keeps the type the workflow gave it", () => {
  const sizes = specs({ size: { type: "number", choices: [512, 1024], default: 512 } });
  const [size] = sizes;
  expect(size && initialValue(size)).toBe("512");
  expect(toInputs(sizes, { size: "1024" }).inputs).toEqual({ size: 1024 });
});

test("an optional field left empty is not sent; an emptied text is an answer", () => {
  const both = specs({ title: { type: "text", default: "Our trip" }, width: { type: "number", default: null } });
  expect(toInputs(both, { title: "", width: "" }).inputs).toEqual({ title: "" });
});

test("json is parsed before it is sent", () => {
  const data = specs({ data: { type: "json" } });
  expect(toInputs(data, { data: '{"a": 1}' }).inputs).toEqual({ data: { a: 1 } });
  expect(toInputs(data, { data: "{a}" }).complaints).toEqual({ data: ["This is not valid JSON."] });
});

test("an earlier run fills the form with its files", () => {
  const [photos] = specs({ photos: { type: "image[]" } });
  expect(photos && initialValue(photos, [file("a")])).toEqual([ready("a")]);
});

test("a complaint about one photo belongs to the field of the photos", () => {
  expect(fieldOf("inputs.photos[2].asset")).toBe("photos");
  expect(fieldOf("photos")).toBe("photos");
});
