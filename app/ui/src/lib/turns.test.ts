import { expect, test } from "vitest";

import { turns } from "@/lib/turns";

test("jobs wait for a free place and start in the order they came", async () => {
  const turn = turns(2);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const jobs = [0, 1, 2, 3].map((number) =>
    turn(
      () =>
        new Promise<void>((resolve) => {
          begun.push(number);
          ends.push(resolve);
        }),
    ),
  );
  await Promise.resolve();
  expect(begun).toEqual([0, 1]);
  ends[1]?.();
  await jobs[1];
  await Promise.resolve();
  expect(begun).toEqual([0, 1, 2]);
  ends[0]?.();
  ends[2]?.();
  await jobs[2];
  await Promise.resolve();
  ends[3]?.();
  await Promise.all(jobs);
  expect(begun).toEqual([0, 1, 2, 3]);
});

test("a job that fails frees its place", async () => {
  const turn = turns(1);
  await expect(turn(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
  await expect(turn(() => Promise.resolve("yes"))).resolves.toBe("yes");
});
