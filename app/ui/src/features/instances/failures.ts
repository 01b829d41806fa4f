/** Each failure is told once: at the top of the page what ended the run, below it only what says more. */
import type { Instance, Step } from "@/lib/types";

/** Whether the page says at its top already what this step failed of. */
export const isToldAbove = ({ error }: Instance, step: Step): boolean =>
  error !== null && step.error !== null && error.step === step.node_id && error.message === step.error.message;

/** Where an item lies, as people count: `3`, and `2.3` in lists of lists. */
export const placeOf = (item: Step): string => item.path.map((index) => index + 1).join(".");

export type Failure = { message: string; places: readonly string[] };

/** What items failed of, each sentence once with the items it holds for; without the one that failed the step. */
export function failuresOf(items: readonly Step[], step: Step): Failure[] {
  const found = new Map<string, string[]>();
  for (const item of items) {
    // The step's own failure is that of an item, with its number in front.
    if (item.error === null || step.error?.message.endsWith(item.error.message) === true) continue;
    found.set(item.error.message, [...(found.get(item.error.message) ?? []), placeOf(item)]);
  }
  return [...found].map(([message, places]) => ({ message, places }));
}
