/** Text fields: one line, many lines, and a choice from a list. */
import { ChevronDown } from "lucide-react";
import type { ComponentProps } from "react";

import { cn } from "@/lib/cn";

const look =
  "w-full min-w-0 rounded-md border border-control/60 bg-surface px-3 text-sm shadow-card transition-colors placeholder:text-faint hover:border-control focus-visible:border-accent focus-visible:outline-offset-0 disabled:cursor-not-allowed disabled:opacity-60 aria-invalid:border-failed max-sm:text-base dark:bg-sunken";

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input className={cn(look, "h-9", className)} {...rest} />;
}

export function Textarea({ className, ...rest }: ComponentProps<"textarea">) {
  return <textarea className={cn(look, "min-h-24 py-2 leading-relaxed", className)} {...rest} />;
}

/** The system's own list: it works by keyboard, by touch and for screen readers everywhere. */
export function Select({ className, children, ...rest }: ComponentProps<"select">) {
  return (
    <div className="relative">
      <select className={cn(look, "h-9 appearance-none pr-9", className)} {...rest}>
        {children}
      </select>
      <ChevronDown
        className="pointer-events-none absolute top-1/2 right-3 size-4 -translate-y-1/2 text-soft"
        aria-hidden
      />
    </div>
  );
}
