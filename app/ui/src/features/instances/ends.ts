/** When nothing moves any more: of an instance, and of its steps. */
import type { InstanceStatus, Step, StepStatus } from "@/lib/types";

const MISSED_MS = 500;

export const ENDED: ReadonlySet<string> = new Set<InstanceStatus>(["completed", "failed", "cancelled"]);
export const SETTLED: ReadonlySet<string> = new Set<StepStatus>(["completed", "failed", "skipped", "cancelled"]);

/**
 * When to look again at steps of an instance that has ended: they were asked for a moment before its end, and
 * no event comes any more.
 */
export const untilSettled = (hasEnded: boolean, steps: readonly Step[] | undefined): number | false =>
  hasEnded && steps?.some((step) => !SETTLED.has(step.status)) === true ? MISSED_MS : false;
