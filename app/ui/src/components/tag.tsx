/** A word about a thing, in the colour of what it means. */
import type { ReactNode } from "react";

import { cn } from "@/lib/cn";

const TONES = {
  idle: "bg-idle-soft text-idle",
  accent: "bg-accent-soft text-accent",
  good: "bg-completed-soft text-completed",
  waiting: "bg-waiting-soft text-waiting",
  bad: "bg-failed-soft text-failed",
} as const;

export type Tone = keyof typeof TONES;

export function Tag({ tone = "idle", children }: { tone?: Tone; children: ReactNode }) {
  return (
    <span
      className={cn("inline-flex shrink-0 items-center rounded-full px-2 py-px text-[11px] font-medium", TONES[tone])}
    >
      {children}
    </span>
  );
}
