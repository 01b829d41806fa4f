/** Times that stay true while the page is open. */
import { ago, dateTime, duration, secondsBetween } from "@/lib/format";
import { useNow } from "@/lib/now";

export function Ago({ time, className }: { time: string; className?: string }) {
  const now_ms = useNow();
  return (
    <time dateTime={time} title={dateTime(time)} className={className}>
      {ago(time, now_ms)}
    </time>
  );
}

function Ticking({ start }: { start: string }) {
  const now_ms = useNow();
  // Tenths would jump at two ticks a second; whole seconds read calmly.
  const seconds = Math.floor(secondsBetween(start, null, now_ms));
  return <>{seconds < 10 ? `${String(seconds)} s` : duration(seconds)}</>;
}

/** How long something took, or has been taking so far. Not announced: a ticking clock would never be silent. */
export function Elapsed({
  start,
  end,
  className,
}: {
  start: string;
  end: string | null | undefined;
  className?: string;
}) {
  return (
    <span className={className} aria-live="off">
      {end ? duration(secondsBetween(start, end, 0)) : <Ticking start={start} />}
    </span>
  );
}
