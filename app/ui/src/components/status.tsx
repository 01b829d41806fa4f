/** The states of instances, steps and attempts: a word, an icon and a colour, always together. */
import {
  Ban,
  CircleCheck,
  CircleDashed,
  CircleDot,
  CircleSlash,
  CircleX,
  Clock,
  LoaderCircle,
  type LucideIcon,
} from "lucide-react";

import { cn } from "@/lib/cn";
import { t, type PlainKey } from "@/lib/messages";

type Look = { icon: LucideIcon; word: PlainKey; ink: string; pill: string; spins?: boolean };

const UNKNOWN: Look = { icon: CircleDashed, word: "status.unknown", ink: "text-idle", pill: "bg-idle-soft text-idle" };
const LOOKS: Record<string, Look> = {
  pending: { icon: CircleDashed, word: "status.pending", ink: "text-idle", pill: "bg-idle-soft text-idle" },
  queued: { icon: CircleDot, word: "status.queued", ink: "text-idle", pill: "bg-idle-soft text-idle" },
  running: {
    icon: LoaderCircle,
    word: "status.running",
    ink: "text-running",
    pill: "bg-running-soft text-running",
    spins: true,
  },
  waiting: { icon: Clock, word: "status.waiting", ink: "text-waiting", pill: "bg-waiting-soft text-waiting" },
  completed: {
    icon: CircleCheck,
    word: "status.completed",
    ink: "text-completed",
    pill: "bg-completed-soft text-completed",
  },
  failed: { icon: CircleX, word: "status.failed", ink: "text-failed", pill: "bg-failed-soft text-failed" },
  cancelled: { icon: Ban, word: "status.cancelled", ink: "text-idle", pill: "bg-idle-soft text-idle" },
  skipped: { icon: CircleSlash, word: "status.skipped", ink: "text-idle", pill: "bg-idle-soft text-idle" },
};

const lookOf = (status: string): Look => LOOKS[status] ?? UNKNOWN;

export const statusWord = (status: string): string => (status in LOOKS ? t(lookOf(status).word) : status);

/** The icon alone carries the word for screen readers unless `isSilent`. */
export function StatusIcon({
  status,
  className,
  isSilent = false,
}: {
  status: string;
  className?: string;
  isSilent?: boolean;
}) {
  const { icon: Icon, ink, spins } = lookOf(status);
  return (
    <Icon
      className={cn("size-4 shrink-0", ink, spins && "animate-spin [animation-duration:1.8s]", className)}
      {...(isSilent ? { "aria-hidden": true } : { role: "img", "aria-label": statusWord(status) })}
    />
  );
}

export function StatusPill({ status, className }: { status: string; className?: string }) {
  const { icon: Icon, pill, spins } = lookOf(status);
  return (
    <span
      data-status={status}
      className={cn(
        "inline-flex h-6 shrink-0 items-center gap-1.5 rounded-full pr-2.5 pl-2 text-xs font-medium",
        pill,
        className,
      )}
    >
      <Icon className={cn("size-3.5", spins && "animate-spin [animation-duration:1.8s]")} aria-hidden />
      {statusWord(status)}
    </span>
  );
}
