/** A sheet on the page, with an optional heading line. */
import type { ComponentProps, ReactNode } from "react";

import { cn } from "@/lib/cn";

export function Card({ className, ...rest }: ComponentProps<"section">) {
  return <section className={cn("rounded-xl border border-border bg-surface shadow-card", className)} {...rest} />;
}

export function CardHeading({
  children,
  aside,
  className,
}: {
  children: ReactNode;
  aside?: ReactNode;
  className?: string;
}) {
  return (
    <header
      className={cn("flex min-h-11 items-center justify-between gap-3 border-b border-border px-4 py-2", className)}
    >
      <h2 className="text-[13px] font-semibold">{children}</h2>
      {aside}
    </header>
  );
}
