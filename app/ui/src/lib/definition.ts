/**
 * The workflow document as the page reads it: its inputs for the run form, its nodes and edges for the
 * graph. The server checks documents; this only reads, and forgives what it does not know.
 */

export type InputSpec = {
  name: string;
  type: string;
  label: string;
  description: string | null;
  placeholder: string | null;
  /** An input without a default must be given; a default of null makes it optional. */
  isRequired: boolean;
  default: unknown;
  /** Bounds of a number; of a text its characters, of a list its items. */
  min: number | null;
  max: number | null;
  choices: readonly (string | number)[];
  isMultiline: boolean;
};

export type GraphNode = {
  id: string;
  type: string;
  name: string | null;
  isFannedOut: boolean;
  isConditional: boolean;
  note: string | null;
  mode: string;
  at: { x: number; y: number } | null;
};

export type GraphEdge = { from: string; to: string };

type Json = Record<string, unknown>;

const isRecord = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const record = (value: unknown): Json => (isRecord(value) ? value : {});
const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
const number = (value: unknown): number | null => (typeof value === "number" ? value : null);

/** `max_width` → `Max width`, for inputs without a label. */
export function titled(name: string): string {
  const words = name.replaceAll(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function choicesOf(raw: Json): (string | number)[] {
  const list: unknown[] = Array.isArray(raw["choices"]) ? raw["choices"] : [];
  return list.filter((entry) => typeof entry === "string" || typeof entry === "number");
}

export function readInputs(definition: unknown): InputSpec[] {
  return Object.entries(record(record(definition)["inputs"])).map(([name, value]) => {
    const raw = record(value);
    return {
      name,
      type: text(raw["type"]) ?? "text",
      label: text(raw["label"]) || titled(name),
      description: text(raw["description"]),
      placeholder: text(raw["placeholder"]),
      isRequired: !("default" in raw),
      default: raw["default"] ?? null,
      min: number(raw["min"]),
      max: number(raw["max"]),
      choices: choicesOf(raw),
      isMultiline: raw["multiline"] === true,
    };
  });
}

const REFERENCE = /\bsteps\.([A-Za-z_][A-Za-z0-9_]*)/g;

/** Ids of the steps that the expressions inside a value refer to. */
function references(value: unknown, found: Set<string>): void {
  if (typeof value === "string") {
    for (const part of value.matchAll(/\{\{([\s\S]*?)\}\}/g)) {
      for (const hit of (part[1] ?? "").matchAll(REFERENCE)) {
        if (hit[1] !== undefined) found.add(hit[1]);
      }
    }
  } else if (Array.isArray(value)) {
    for (const entry of value) references(entry, found);
  } else if (isRecord(value)) {
    for (const entry of Object.values(value)) references(entry, found);
  }
}

function nodesOf(definition: unknown): Json[] {
  const nodes = record(definition)["nodes"];
  return Array.isArray(nodes) ? nodes.filter(isRecord).filter((node) => typeof node["id"] === "string") : [];
}

/** The values of a node without the workflow that may be written into it, whose names are its own. */
function ownValues(node: Json): Json {
  const values = record(node["with"]);
  return nodesOf(values["body"]).length === 0 ? values : { ...values, body: null };
}

export function readGraph(definition: unknown): { nodes: GraphNode[]; edges: GraphEdge[] } {
  const raw = nodesOf(definition);
  const places = record(record(definition)["ui"]);
  const known = new Set(raw.map((node) => String(node["id"])));
  const nodes = raw.map((node) => {
    const id = String(node["id"]);
    const place = record(places[id]);
    const x = number(place["x"]);
    const y = number(place["y"]);
    return {
      id,
      type: text(node["type"]) ?? "",
      name: text(node["name"]) || null,
      isFannedOut: node["each"] !== undefined && node["each"] !== null,
      isConditional: node["when"] !== undefined && node["when"] !== null,
      note: text(node["note"]),
      mode: text(node["mode"]) ?? "enabled",
      at: x === null || y === null ? null : { x, y },
    };
  });
  const edges = raw.flatMap((node) => {
    const sources = new Set<string>();
    references([ownValues(node), node["each"], node["when"]], sources);
    if (Array.isArray(node["needs"])) {
      // `route.large` is one way out of `route`.
      for (const id of node["needs"]) if (typeof id === "string") sources.add(id.split(".")[0] ?? id);
    }
    const to = String(node["id"]);
    for (const other of raw) if (record(other["on_error"])["go"] === to) sources.add(String(other["id"]));
    return [...sources].filter((from) => known.has(from) && from !== to).map((from) => ({ from, to }));
  });
  return { nodes, edges };
}

/** The steps written into a node (`again`, or `again/inner` where they lie deeper); the whole for no name. */
export function bodyOf(definition: unknown, body: string): unknown {
  if (body === "") return definition;
  return body.split("/").reduce<unknown>((found, name) => {
    const node = nodesOf(found).find((one) => one["id"] === name);
    return record(node?.["with"])["body"];
  }, definition);
}
