/** What comes over the live connection, read with care: a message nobody understands is passed over. */
import type { LogLine } from "@/lib/types";

export type LiveEvent = {
  seq: number;
  type: string;
  step_id: string | null;
  data: Record<string, unknown>;
  at: string;
};

export type LiveProgress = {
  step_id: string;
  progress_fraction: number | null;
  progress_message: string | null;
  logs: readonly LogLine[];
  preview: string | null;
};

export type LiveMessage =
  | { kind: "event"; instance: string; event: LiveEvent }
  | { kind: "progress"; instance: string; progress: LiveProgress }
  /** The server cannot tell of this instance now, or at all (404). */
  | { kind: "refused"; instance: string; status: number }
  /** A part of the server is away, so changes of this instance come late; or that is over. */
  | { kind: "late"; instance: string; isLate: boolean }
  /** Some instance of the organization has moved: a list may look again. */
  | { kind: "moved" };

/** The topic of every instance of the organization, without numbers. */
export const ALL_INSTANCES = "instances";

const FIRST_MS = 400;
const LONGEST_MS = 10_000;

/** Doubles from 0.4 s to 10 s, spread by a fifth so that a room full of pages does not knock in step. */
export function backoff_ms(failures: number, random: () => number = Math.random): number {
  const base = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.max(0, failures - 1));
  return base * (0.9 + random() * 0.2);
}

type Json = Record<string, unknown>;
const isRecord = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function readEvent(raw: unknown): LiveEvent | null {
  if (!isRecord(raw) || typeof raw["seq"] !== "number" || typeof raw["type"] !== "string") return null;
  return {
    seq: raw["seq"],
    type: raw["type"],
    step_id: typeof raw["step_id"] === "string" ? raw["step_id"] : null,
    data: isRecord(raw["data"]) ? raw["data"] : {},
    at: typeof raw["at"] === "string" ? raw["at"] : new Date().toISOString(),
  };
}

function readProgress(raw: Json): LiveProgress | null {
  const data = isRecord(raw["data"]) ? raw["data"] : {};
  if (typeof raw["step_id"] !== "string") return null;
  const { progress_fraction, progress_message, preview, logs } = data;
  return {
    step_id: raw["step_id"],
    progress_fraction: typeof progress_fraction === "number" ? progress_fraction : null,
    progress_message: typeof progress_message === "string" ? progress_message : null,
    preview: typeof preview === "string" ? preview : null,
    logs: Array.isArray(logs) ? (logs.filter(isRecord) as LogLine[]) : [],
  };
}

const instanceOf = (raw: Json): string | null => {
  const topic = raw["topic"];
  return typeof topic === "string" && topic.startsWith("instance:") ? topic.slice("instance:".length) : null;
};

/** The messages of one frame: numbered events of an instance, or its progress. */
export function parseLive(frame: unknown): LiveMessage[] {
  let raw: unknown;
  try {
    raw = typeof frame === "string" ? JSON.parse(frame) : null;
  } catch {
    return [];
  }
  if (!isRecord(raw)) return [];
  if (raw["topic"] === ALL_INSTANCES) return Array.isArray(raw["events"]) ? [{ kind: "moved" }] : [];
  const instance = instanceOf(raw);
  if (instance === null) return [];
  if (isRecord(raw["refused"])) {
    const { status } = raw["refused"];
    return [{ kind: "refused", instance, status: typeof status === "number" ? status : 500 }];
  }
  if (typeof raw["late"] === "boolean") return [{ kind: "late", instance, isLate: raw["late"] }];
  const events = Array.isArray(raw["events"]) ? raw["events"] : [];
  const messages: LiveMessage[] = events
    .map(readEvent)
    .filter((event) => event !== null)
    .map((event) => ({ kind: "event", instance, event }));
  const progress = isRecord(raw["progress"]) ? readProgress(raw["progress"]) : null;
  return progress === null ? messages : [...messages, { kind: "progress", instance, progress }];
}
