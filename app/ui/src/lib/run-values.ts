/** From what a person entered in a run form to what `POST /instances` wants. */
import {
  isUploading,
  readyFiles,
  refusedCount,
  type AssetEntry,
  type AssetFacts,
  type FilePort,
} from "@/lib/asset-entry";
import type { InputSpec } from "@/lib/definition";
import { t, tn } from "@/lib/messages";

/** The value of a field as it is edited: text for anything typed, so that half a number survives. */
export type FieldValue = string | boolean | readonly string[] | readonly AssetEntry[];
export type FieldValues = Readonly<Record<string, FieldValue>>;

const FILE_PORTS: ReadonlySet<string> = new Set(["image", "video", "audio", "file"]);

const itemType = (spec: InputSpec): string => spec.type.replace(/\[\]$/, "");
export const isList = (spec: InputSpec): boolean => spec.type.endsWith("[]");
export const filePort = (spec: InputSpec): FilePort | null =>
  FILE_PORTS.has(itemType(spec)) ? (itemType(spec) as FilePort) : null;
/** Lists of short values with choices are ticked; other lists are written as JSON. */
export const isTicked = (spec: InputSpec): boolean => isList(spec) && spec.choices.length > 0;
export const isJson = (spec: InputSpec): boolean =>
  !filePort(spec) && !isTicked(spec) && (isList(spec) || spec.type === "json" || spec.type === "vector");

const isFacts = (value: unknown): value is AssetFacts =>
  typeof value === "object" && value !== null && "asset" in value && "name" in value;

/** Files named by a default or an earlier run, as entries of the field. */
function entriesFrom(value: unknown): AssetEntry[] {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.filter(isFacts).map((file) => ({ key: file.asset, state: "ready", file }));
}

/** What the field shows first: the given value, an earlier run's or the default. */
export function initialValue(spec: InputSpec, value: unknown = spec.default): FieldValue {
  if (filePort(spec)) return entriesFrom(value);
  if (spec.type === "boolean") return value === true;
  if (isTicked(spec)) return Array.isArray(value) ? value.map((entry) => JSON.stringify(entry)) : [];
  if (value === null || value === undefined) return "";
  if (spec.choices.length > 0) return JSON.stringify(value);
  if (isJson(spec)) return JSON.stringify(value, null, 2);
  return typeof value === "string" ? value : JSON.stringify(value);
}

type Outcome = { inputs: Record<string, unknown>; complaints: Record<string, string[]>; waiting: number };

function readNumber(spec: InputSpec, text: string): number | string {
  const value = Number(text.replace(",", "."));
  if (!Number.isFinite(value)) return t("run.not_a_number");
  if (spec.min !== null && value < spec.min) return t("run.at_least", { min: spec.min });
  if (spec.max !== null && value > spec.max) return t("run.at_most", { max: spec.max });
  return value;
}

/** The inputs to send, and what is plainly missing; the server has the last word on everything else. */
export function toInputs(specs: readonly InputSpec[], values: FieldValues): Outcome {
  const outcome: Outcome = { inputs: {}, complaints: {}, waiting: 0 };
  const complain = (spec: InputSpec, sentence: string): void => {
    outcome.complaints[spec.name] = [sentence];
  };
  for (const spec of specs) {
    const value = values[spec.name] ?? initialValue(spec);
    if (filePort(spec)) {
      const entries = value as readonly AssetEntry[];
      const files = readyFiles(entries).map((file) => ({ asset: file.asset }));
      const refused = refusedCount(entries);
      if (isUploading(entries)) outcome.waiting += 1;
      // Going on without them would run on less than the person chose.
      else if (refused > 0) complain(spec, tn("run.files_refused", refused));
      else if (isList(spec)) {
        if (files.length === 0 && !spec.isRequired && !spec.min) continue;
        if (files.length < (spec.min ?? 0)) complain(spec, tn("run.files_missing", spec.min ?? 0));
        else outcome.inputs[spec.name] = files;
      } else if (files[0]) outcome.inputs[spec.name] = files[0];
      else if (spec.isRequired) complain(spec, tn("run.files_missing", 1));
    } else if (typeof value === "boolean") {
      outcome.inputs[spec.name] = value;
    } else if (isTicked(spec)) {
      outcome.inputs[spec.name] = (value as readonly string[]).map((entry) => JSON.parse(entry) as unknown);
    } else if (value === "") {
      // An emptied text is an answer; an emptied number or choice means "as the workflow has it".
      if (spec.type === "text" && spec.choices.length === 0) outcome.inputs[spec.name] = "";
      else if (spec.isRequired) complain(spec, t("run.missing"));
    } else if (spec.choices.length > 0) {
      outcome.inputs[spec.name] = JSON.parse(value as string) as unknown;
    } else if (isJson(spec)) {
      try {
        outcome.inputs[spec.name] = JSON.parse(value as string) as unknown;
      } catch {
        complain(spec, t("run.not_json"));
      }
    } else if (spec.type === "number") {
      const number = readNumber(spec, value as string);
      if (typeof number === "string") complain(spec, number);
      else outcome.inputs[spec.name] = number;
    } else {
      outcome.inputs[spec.name] = value;
    }
  }
  return outcome;
}

/** `inputs.photos[2]` and `photos` both belong to the field `photos`; so do values given to a step by hand. */
export const fieldOf = (path: string): string => path.replace(/^(inputs|with|outputs)\./, "").split(/[.[]/, 1)[0] ?? "";
