/** The ports of a step type as fields of a form, for values that a person gives a step by hand. */
import { titled, type InputSpec } from "@/lib/definition";
import type { Port } from "@/lib/types";

type Json = Record<string, unknown>;

const isRecord = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const numberOf = (...values: readonly unknown[]): number | null =>
  values.find((value): value is number => typeof value === "number") ?? null;

/** The form of a port that is not null: its bounds and choices stand there. */
function formOf(schema: unknown, name: string): Json {
  const properties = isRecord(schema) ? schema["properties"] : undefined;
  const field = isRecord(properties) ? properties[name] : undefined;
  if (!isRecord(field)) return {};
  const branches: unknown[] = Array.isArray(field["anyOf"]) ? field["anyOf"] : [];
  const branch = branches.filter(isRecord).find((one) => one["type"] !== "null");
  return { ...field, ...branch };
}

export type PortLook = { label: string; unit: string | null };

/** What the values of ports are called and counted in, in the order of the type. */
export function portLooks(ports: readonly Port[], schema: unknown): ReadonlyMap<string, PortLook> {
  return new Map(
    ports.map(({ name, title }) => {
      const unit = formOf(schema, name)["unit"];
      return [name, { label: title || titled(name), unit: typeof unit === "string" ? unit : null }];
    }),
  );
}

const isLong = (value: unknown): boolean => typeof value === "string" && (value.length > 60 || value.includes("\n"));

function specOf(port: Port, schema: unknown, given: unknown, isFannedOut: boolean): InputSpec {
  const form = isFannedOut ? {} : formOf(schema, port.name);
  const choices: unknown[] = Array.isArray(form["enum"]) ? form["enum"] : [];
  return {
    name: port.name,
    type: isFannedOut ? "json" : port.type,
    label: port.title || titled(port.name),
    description: port.description || null,
    placeholder: null,
    isRequired: port.required === true,
    default: form["default"] ?? null,
    min: numberOf(form["minimum"], form["minLength"], form["minItems"]),
    max: numberOf(form["maximum"], form["maxLength"], form["maxItems"]),
    choices: choices.filter((one) => typeof one === "string" || typeof one === "number"),
    isMultiline: port.type === "text" && choices.length === 0 && isLong(given),
  };
}

/** What a person may fill in: not a workflow written into the step, nor what it works out while it runs. */
const isPlain = (port: Port): boolean =>
  port.is_body !== true && port.secret !== true && Object.keys(port.locals ?? {}).length === 0;

/**
 * `given`: the values there are; a step that runs another workflow gives more than its type declares.
 * `isFannedOut`: each value is a list with one of each item.
 */
export function portSpecs(ports: readonly Port[], schema: unknown, given: Json, isFannedOut = false): InputSpec[] {
  const declared = ports.filter(isPlain).map((port) => specOf(port, schema, given[port.name], isFannedOut));
  const known = new Set(ports.map((port) => port.name));
  const more = Object.keys(given).filter((name) => !known.has(name));
  return [...declared, ...more.map((name) => specOf({ name, type: "json" }, {}, null, false))];
}

/** A value without what may differ in it though it means the same: a file is its id. */
function essence(value: unknown): string {
  return JSON.stringify(value ?? null, (_key, part: unknown) =>
    isRecord(part) && typeof part["asset"] === "string" ? part["asset"] : part,
  );
}

/** Those of the values that differ from what was there; what was emptied is null. */
export function changes(specs: readonly InputSpec[], before: Json, now: Json): Json {
  return Object.fromEntries(
    specs
      .filter(({ name }) => essence(before[name]) !== essence(now[name]))
      .map(({ name }) => [name, now[name] ?? null]),
  );
}
