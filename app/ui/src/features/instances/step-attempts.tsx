/** Every try at a step: by whom, how it ended and why there was another. */
import { StatusIcon } from "@/components/status";
import { Elapsed } from "@/components/time";
import type { Attempt } from "@/lib/types";

import { t, type PlainKey } from "./messages";

/** An attempt speaks of leases; the page of what a person sees. */
const SEEN_AS: Record<Attempt["status"], string> = {
  queued: "queued",
  paused: "queued",
  leased: "running",
  completed: "completed",
  failed: "failed",
  lost: "cancelled",
  cancelled: "cancelled",
};

const CAUSES: Record<string, PlainKey> = {
  retry: "attempt.retry",
  lost: "attempt.lost",
  lost_beside: "attempt.lost_beside",
  given_back: "attempt.given_back",
};

/** Why there was another try, when there was one. */
export function againBecause({ number, cause }: Attempt): string | null {
  const why = CAUSES[cause];
  return why === undefined ? null : t("attempt.again", { number, why: t(why) });
}

/** `known`: the failure that the step itself tells already. */
export function StepAttempts({ attempts, known }: { attempts: readonly Attempt[]; known: string | null }) {
  return (
    <ol aria-label={t("attempt.list")} className="space-y-1.5 text-[13px]">
      {attempts.map((attempt) => {
        const cause = CAUSES[attempt.cause];
        const words = [
          attempt.worker,
          cause === undefined ? null : t(cause),
          attempt.error?.message === known ? null : attempt.error?.message,
        ].filter(Boolean);
        return (
          <li key={attempt.number} className="flex items-start gap-2">
            <StatusIcon status={SEEN_AS[attempt.status]} className="mt-0.5" />
            <span className="whitespace-nowrap">{t("attempt.number", { number: attempt.number })}</span>
            <span className="min-w-0 flex-1 break-words text-soft">{words.join(" · ")}</span>
            {attempt.claimed_at === null ? null : (
              <Elapsed start={attempt.claimed_at} end={attempt.ended_at} className="text-soft tabular-nums" />
            )}
          </li>
        );
      })}
    </ol>
  );
}
