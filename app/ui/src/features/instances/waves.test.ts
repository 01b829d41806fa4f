import { expect, test } from "vitest";

import { inWaves, type PlannedStep } from "./waves";

const planned = (id: string, wave: number): PlannedStep => ({ id, wave }) as PlannedStep;

test("what may run at the same time stands together, the first first", () => {
  const steps = [planned("film", 2), planned("frames", 0), planned("sound", 0), planned("mail", 5)];
  expect(inWaves(steps).map((wave) => wave.map((step) => step.id))).toEqual([["frames", "sound"], ["film"], ["mail"]]);
});
