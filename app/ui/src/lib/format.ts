/** Numbers and times as people read them. */

const BYTE_UNITS = ["B", "KB", "MB", "GB", "TB"];

/** `1536` → `1.5 KB`; a unit is 1000 of the one before, as on the labels of disks. */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && value < 10 ? 1 : 0;
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit] ?? ""}`;
}

/** Seconds → `0.8 s`, `12 s`, `3 min 05 s`, `2 h 10 min`. */
export function duration(seconds: number): string {
  if (seconds < 0.0005) return "0 s";
  if (seconds < 0.9995) return `${String(Math.max(1, Math.round(seconds * 1000)))} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${String(Math.floor(seconds))} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${String(minutes)} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  return `${String(Math.floor(minutes / 60))} h ${String(minutes % 60).padStart(2, "0")} min`;
}

const figures = new Intl.NumberFormat("en", { maximumFractionDigits: 3 });

/** An amount with the unit that a step type declares: `1280 px`, `3 min 05 s`, `1.5 KB`. */
export function measure(amount: number, unit: string): string {
  if (unit === "s") return duration(amount);
  if (unit === "bytes") return bytes(amount);
  const plain = Number.isInteger(amount) && Math.abs(amount) < 100_000 ? String(amount) : figures.format(amount);
  return unit === "°" ? `${plain}°` : `${plain} ${unit}`;
}

/** Seconds → `m:ss` or `h:mm:ss`, as a player shows them: a second counts when it is over. */
export function playtime(seconds: number): string {
  const whole = Math.floor(seconds);
  const rest = String(whole % 60).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${String(minutes)}:${rest}`;
  return `${String(Math.floor(minutes / 60))}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

/** From one RFC 3339 time to another, or to `now_ms`. */
export function secondsBetween(start: string, end: string | null | undefined, now_ms: number): number {
  const until = end ? Date.parse(end) : now_ms;
  return Math.max(0, (until - Date.parse(start)) / 1000);
}

const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["second", 60],
  ["minute", 60],
  ["hour", 24],
  ["day", 7],
  ["week", 4.35],
  ["month", 12],
  ["year", Number.POSITIVE_INFINITY],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });

/** `2 min ago`; under ten seconds it says `now`. */
export function ago(time: string, now_ms: number): string {
  let value = (Date.parse(time) - now_ms) / 1000;
  if (Math.abs(value) < 10) return relative.format(0, "second");
  for (const [unit, size] of STEPS) {
    if (Math.abs(value) < size) return relative.format(Math.trunc(value), unit);
    value /= size;
  }
  return time;
}

const calendar = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** The full local date and time, for tooltips and tables. */
export function dateTime(time: string): string {
  return calendar.format(new Date(time));
}

export function percent(fraction: number): string {
  return `${String(Math.floor(Math.min(1, Math.max(0, fraction)) * 100))} %`;
}
