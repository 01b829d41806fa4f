/** One clock for every ticking label: it runs while somebody looks, and not in a hidden tab. */
import { useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
let now_ms = Date.now();
let timer: number | null = null;

function tick(): void {
  now_ms = Date.now();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (timer === null) {
    now_ms = Date.now();
    timer = window.setInterval(() => {
      if (!document.hidden) tick();
    }, 500);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0 && timer !== null) {
      window.clearInterval(timer);
      timer = null;
    }
  };
}

/** The time in milliseconds, renewed twice a second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now_ms);
}
