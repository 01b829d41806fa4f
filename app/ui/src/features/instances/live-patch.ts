/** Lays live events over what the cache holds, so that the page moves without asking again. */
import type { LiveEvent, LiveProgress } from "@/lib/live-protocol";
import type { Instance, InstanceStatus, Step, StepStatus } from "@/lib/types";

import { SETTLED } from "./ends";

const STARTS: ReadonlySet<string> = new Set(["running", "waiting", "completed", "failed"]);

type Items = NonNullable<Step["items"]>;

const textOf = (value: unknown): string | null => (typeof value === "string" ? value : null);
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
const isFailure = (value: unknown): boolean => isRecord(value) && typeof value["message"] === "string";

function itemsOf(value: unknown): Items | null {
  if (!isRecord(value)) return null;
  const { total, done, failed } = value;
  return typeof total === "number" && typeof done === "number" && typeof failed === "number"
    ? { total, done, failed }
    : null;
}

/** The instance after an event about itself; an event about a step only counts on. */
export function patchInstance(instance: Instance, event: LiveEvent): Instance {
  const event_seq = Math.max(instance.event_seq, event.seq);
  if (!event.type.startsWith("instance.")) return { ...instance, event_seq };
  const status = (textOf(event.data["status"]) ?? instance.status) as InstanceStatus;
  return {
    ...instance,
    event_seq,
    status,
    reason: textOf(event.data["reason"]),
    pause: "pause" in event.data ? (event.data["pause"] as Instance["pause"]) : instance.pause,
    error: isFailure(event.data["error"]) ? (event.data["error"] as Instance["error"]) : instance.error,
    started_at: instance.started_at ?? (status === "pending" || event.type === "instance.paused" ? null : event.at),
    ended_at: SETTLED.has(status) ? event.at : instance.ended_at,
  };
}

function patchStep(step: Step, event: LiveEvent): Step {
  const status = (textOf(event.data["status"]) ?? step.status) as StepStatus;
  const items = itemsOf(event.data["items"]);
  const isAgain = status === "queued" && step.status !== "queued";
  return {
    ...step,
    status,
    reason: textOf(event.data["reason"]),
    error: isFailure(event.data["error"])
      ? (event.data["error"] as Step["error"])
      : status === "failed"
        ? step.error
        : null,
    started_at: step.started_at ?? (STARTS.has(status) ? event.at : null),
    ended_at: SETTLED.has(status) ? event.at : null,
    progress_fraction: isAgain ? null : step.progress_fraction,
    progress_message: isAgain ? null : step.progress_message,
    items: items ?? step.items,
  };
}

/** An event about one item of a fan-out carries how far the whole is. */
const isOfItem = (event: LiveEvent): boolean => Array.isArray(event.data["path"]) && event.data["path"].length > 0;

/** The steps after an event; the same list when it is about none of them. */
export function patchSteps(steps: readonly Step[], event: LiveEvent): readonly Step[] {
  if (event.step_id === null) {
    // The end of an instance ends whatever was still open in it.
    const status = textOf(event.data["status"]);
    if (status !== "failed" && status !== "cancelled") return steps;
    return steps.map((step) =>
      SETTLED.has(step.status) ? step : { ...step, status: "cancelled", reason: null, ended_at: event.at },
    );
  }
  return steps.map((step) => {
    if (step.id === event.step_id) return patchStep(step, event);
    if (!isOfItem(event) || step.path.length > 0 || step.node_id !== event.data["node"]) return step;
    return { ...step, items: itemsOf(event.data["items"]) ?? step.items };
  });
}

/** Progress is no numbered fact: the newest word counts, and only while the step runs. */
export function patchProgress(steps: readonly Step[], progress: LiveProgress): readonly Step[] {
  return steps.map((step) =>
    step.id === progress.step_id && !SETTLED.has(step.status)
      ? {
          ...step,
          progress_fraction: progress.progress_fraction ?? step.progress_fraction,
          progress_message: progress.progress_message ?? step.progress_message,
        }
      : step,
  );
}
