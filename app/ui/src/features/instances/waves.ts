/** The steps of a plan by what may run at the same time. */
import type { RunPlan } from "./api";

export type PlannedStep = RunPlan["steps"][number];

/** The first wave first; within one in the order of the document. A wave that holds nothing is none. */
export function inWaves(steps: readonly PlannedStep[]): PlannedStep[][] {
  const waves = new Map<number, PlannedStep[]>();
  for (const step of steps) waves.set(step.wave, [...(waves.get(step.wave) ?? []), step]);
  return [...waves].toSorted(([one], [other]) => one - other).map(([, wave]) => wave);
}
