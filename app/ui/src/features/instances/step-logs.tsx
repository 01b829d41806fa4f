/** What a step wrote while it ran. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import { ProblemNote } from "@/components/problem-note";
import { cn } from "@/lib/cn";

import { logsQuery } from "./api";
import { t } from "./messages";

const INK: Record<string, string> = { error: "text-failed", warning: "text-waiting", debug: "text-faint" };
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

export function StepLogs({
  instanceId,
  stepId,
  isRunning,
}: {
  instanceId: string;
  stepId: string;
  isRunning: boolean;
}) {
  const logs = useQuery(logsQuery(instanceId, stepId));
  const box = useRef<HTMLDivElement>(null);
  const count = logs.data?.length ?? 0;

  useEffect(() => {
    // Follow the end while it grows, unless somebody reads further up.
    const element = box.current;
    if (element && isRunning && element.scrollHeight - element.scrollTop - element.clientHeight < 80)
      element.scrollTop = element.scrollHeight;
  }, [count, isRunning]);

  if (logs.error) return <ProblemNote error={logs.error} />;
  // Most steps write nothing: no place is held for it.
  if (logs.data === undefined || count === 0) return null;
  return (
    <div
      ref={box}
      role="log"
      aria-label={t("step.logs")}
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a box that scrolls must be reachable by keyboard
      tabIndex={0}
      className="max-h-60 overflow-auto rounded-lg bg-sunken px-3 py-2 font-mono text-xs leading-5"
    >
      {logs.data.map((line) => (
        <div key={line.id} className="flex gap-3">
          <time dateTime={line.at} className="shrink-0 text-faint select-none">
            {clock.format(new Date(line.at))}
          </time>
          <span className={cn("min-w-0 break-words whitespace-pre-wrap", INK[line.level])}>{line.message}</span>
        </div>
      ))}
    </div>
  );
}
