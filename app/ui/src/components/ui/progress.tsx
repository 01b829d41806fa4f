/** How far something is; without a fraction it only says that it moves. */
import { cn } from "@/lib/cn";

type ProgressProps = { fraction: number | null; label: string; className?: string };

export function Progress({ fraction, label, className }: ProgressProps) {
  const known = fraction === null ? null : Math.min(1, Math.max(0, fraction));
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={known === null ? undefined : Math.floor(known * 100)}
      className={cn("h-1.5 overflow-hidden rounded-full bg-running/15", className)}
    >
      {known === null ? (
        <div className="h-full w-1/4 animate-sweep rounded-full bg-running" />
      ) : (
        <div
          className="h-full origin-left rounded-full bg-running transition-transform duration-300 ease-out"
          style={{ transform: `scaleX(${String(known)})` }}
        />
      )}
    </div>
  );
}

/** How full something is; it does not say that anything moves. */
export function Meter({
  value,
  of,
  label,
  className,
}: {
  value: number;
  of: number;
  label: string;
  className?: string;
}) {
  const fraction = of > 0 ? Math.min(1, value / of) : 0;
  return (
    <div
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(fraction * 100)}
      className={cn("h-1.5 overflow-hidden rounded-full bg-idle-soft", className)}
    >
      <div
        className={cn("h-full origin-left rounded-full bg-accent", fraction > 0.9 && "bg-failed")}
        style={{ transform: `scaleX(${String(fraction)})` }}
      />
    </div>
  );
}
