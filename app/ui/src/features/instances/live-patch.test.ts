import { expect, test } from "vitest";

import type { LiveEvent } from "@/lib/live-protocol";
import type { Instance, Step } from "@/lib/types";

import { patchInstance, patchProgress, patchSteps } from "./live-patch";

const AT = "2026-11-23T12:00:00Z";
const event = (type: string, data: Record<string, unknown>, step_id: string | null = null): LiveEvent => ({
  seq: 1,
  type,
  step_id,
  data,
  at: AT,
});
const instance = {
  id: "i",
  event_seq: 0,
  status: "pending",
  reason: null,
  error: null,
  started_at: null,
  ended_at: null,
} as Instance;
const step = (id: string, facts: Partial<Step> = {}): Step =>
  ({
    id,
    node_id: id,
    path: [],
    status: "pending",
    reason: null,
    error: null,
    items: null,
    started_at: null,
    ended_at: null,
    progress_fraction: null,
    progress_message: null,
    ...facts,
  }) as Step;

test("an instance starts and ends by its own events", () => {
  const running = patchInstance(instance, event("instance.running", { status: "running" }));
  expect(running).toMatchObject({ status: "running", started_at: AT, ended_at: null });
  const error = { class: "bad_input", message: "No." };
  expect(patchInstance(running, event("instance.failed", { status: "failed", error }))).toMatchObject({
    status: "failed",
    ended_at: AT,
    error,
  });
});

test("a pause and its end are seen, and a paused instance has not begun by it", () => {
  const pause = { by: null, name: "Ada", at: AT };
  const reason = "Paused by Ada.";
  const paused = patchInstance(instance, event("instance.paused", { status: "waiting", reason, pause }));
  expect(paused).toMatchObject({ status: "waiting", reason, pause, started_at: null });
  const resumed = patchInstance(paused, event("instance.resumed", { pause: null }));
  expect(patchInstance(resumed, event("instance.pending", { status: "pending" }))).toMatchObject({
    status: "pending",
    reason: null,
    pause: null,
  });
});

test("an event about a step leaves the instance alone", () => {
  expect(patchInstance(instance, event("step.failed", { status: "failed" }, "a"))).toEqual({
    ...instance,
    event_seq: 1,
  });
});

test("a step runs, is tried again and completes", () => {
  const running = patchSteps([step("a")], event("step.running", { status: "running", node: "a" }, "a"));
  expect(running[0]).toMatchObject({ status: "running", started_at: AT });
  const half = patchProgress(running, {
    step_id: "a",
    progress_fraction: 0.5,
    progress_message: "half",
    logs: [],
    preview: null,
  });
  expect(half[0]).toMatchObject({ progress_fraction: 0.5, progress_message: "half" });
  const again = patchSteps(half, event("step.queued", { status: "queued", node: "a" }, "a"));
  expect(again[0]).toMatchObject({ status: "queued", progress_fraction: null });
  expect(patchSteps(again, event("step.completed", { status: "completed", node: "a" }, "a"))[0]).toMatchObject({
    status: "completed",
    ended_at: AT,
  });
});

test("an event of one item moves the count of its fan-out and nothing else", () => {
  const items = { total: 3, done: 2, failed: 0 };
  const before = [step("a", { status: "running", items: { total: 3, done: 1, failed: 0 } }), step("b")];
  const after = patchSteps(before, event("step.completed", { status: "completed", node: "a", path: [1], items }, "a1"));
  expect(after[0]).toMatchObject({ status: "running", items });
  expect(after[1]).toBe(before[1]);
});

test("the end of an instance that did not complete cancels what was open", () => {
  const before = [step("a", { status: "completed" }), step("b", { status: "running" })];
  const after = patchSteps(before, event("instance.cancelled", { status: "cancelled" }));
  expect(after.map((one) => one.status)).toEqual(["completed", "cancelled"]);
});

test("late progress does not wake a settled step", () => {
  const before = [step("a", { status: "completed" })];
  expect(
    patchProgress(before, { step_id: "a", progress_fraction: 0.5, progress_message: null, logs: [], preview: null })[0],
  ).toBe(before[0]);
});
