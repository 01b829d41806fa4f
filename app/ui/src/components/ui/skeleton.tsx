/** A grey stand-in with the size of what is on its way. */
import { cn } from "@/lib/cn";

export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cn("animate-pulse rounded-md bg-idle-soft", className)} />;
}
