/** How the page hears of changes; anything slower than live says so. */
import { CloudOff, Radio, RefreshCw, Unplug, type LucideIcon } from "lucide-react";

import { Tooltip } from "@/components/ui/tooltip";
import { cn } from "@/lib/cn";
import type { LiveState } from "@/lib/live";
import { t, type PlainKey } from "@/lib/messages";

type Look = { icon: LucideIcon; word: PlainKey; hint: PlainKey; ink: string; spins?: boolean };

const LOOKS: Record<LiveState, Look> = {
  live: { icon: Radio, word: "live.live", hint: "live.live_hint", ink: "text-completed" },
  late: { icon: Radio, word: "live.late", hint: "live.late_hint", ink: "text-waiting" },
  connecting: { icon: Unplug, word: "live.connecting", hint: "live.connecting_hint", ink: "text-waiting" },
  events: { icon: Radio, word: "live.events", hint: "live.events_hint", ink: "text-completed" },
  polling: { icon: RefreshCw, word: "live.polling", hint: "live.polling_hint", ink: "text-waiting" },
  silent: { icon: Unplug, word: "live.silent", hint: "live.silent_hint", ink: "text-failed" },
  offline: { icon: CloudOff, word: "live.offline", hint: "live.offline_hint", ink: "text-failed" },
};

export function LiveBadge({ state }: { state: LiveState }) {
  const { icon: Icon, word, hint, ink } = LOOKS[state];
  return (
    <Tooltip text={t(hint)}>
      <span
        role="status"
        aria-label={t("live.label")}
        data-live={state}
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the hint must be reachable by keyboard
        tabIndex={0}
        className="inline-flex h-6 items-center gap-1.5 rounded-full border border-border bg-surface px-2 text-xs text-soft"
      >
        <Icon className={cn("size-3.5", ink)} aria-hidden />
        {t(word)}
      </span>
    </Tooltip>
  );
}
