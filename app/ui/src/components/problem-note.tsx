/** What went wrong, why, and the next move. */
import { CircleAlert } from "lucide-react";
import type { ReactNode } from "react";

import { cn } from "@/lib/cn";
import { asProblem } from "@/lib/problem";

type NoteProps = {
  heading: string;
  remedy?: string | null;
  tag?: string | null;
  children?: ReactNode;
  className?: string;
};

export function FailureNote({ heading, remedy, tag, children, className }: NoteProps) {
  return (
    <div
      role="alert"
      className={cn("flex gap-3 rounded-lg border border-failed/25 bg-failed-soft px-3.5 py-3", className)}
    >
      <CircleAlert className="mt-0.5 size-4 shrink-0 text-failed" aria-hidden />
      <div className="min-w-0 flex-1 break-words">
        <p className="font-medium">
          {heading}
          {tag ? (
            <code className="ml-2 rounded bg-surface/70 px-1.5 py-0.5 text-xs font-normal whitespace-nowrap text-failed">
              {tag}
            </code>
          ) : null}
        </p>
        {remedy ? <p className="mt-0.5 text-soft">{remedy}</p> : null}
        {children}
      </div>
    </div>
  );
}

/** The same for anything that was thrown; complaints without a field of their own are listed. */
export function ProblemNote({
  error,
  children,
  className,
}: {
  error: unknown;
  children?: ReactNode;
  className?: string;
}) {
  const problem = asProblem(error);
  return (
    <FailureNote heading={problem.message} remedy={problem.remedy} className={className}>
      {problem.complaints.length > 0 ? (
        <ul className="mt-1.5 list-disc space-y-0.5 pl-4 text-soft">
          {problem.complaints.map((entry, index) => (
            <li key={index}>
              {[entry.node, entry.field].filter(Boolean).length > 0 ? (
                <code className="mr-1.5 text-xs text-foreground">
                  {[entry.node, entry.field].filter(Boolean).join(" · ")}
                </code>
              ) : null}
              {entry.message}
            </li>
          ))}
        </ul>
      ) : null}
      {children}
    </FailureNote>
  );
}
