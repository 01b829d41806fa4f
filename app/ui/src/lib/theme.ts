/** Light, dark or as the system says. The choice is a taste of this browser, so it stays in it. */
import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark" | "system";

const KEY = "studio.theme"; // public/theme.js reads the same name before the first paint
const night = window.matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

function stored(): Theme {
  try {
    const value = window.localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system"; // storage may be blocked
  }
}

let theme = stored();

function paint(): void {
  const isDark = theme === "dark" || (theme === "system" && night.matches);
  document.documentElement.classList.toggle("dark", isDark);
  for (const listener of listeners) listener();
}

night.addEventListener("change", paint);

export function chooseTheme(choice: Theme): void {
  theme = choice;
  try {
    window.localStorage.setItem(KEY, choice);
  } catch {
    // The choice then lasts until the page is left.
  }
  paint();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The choice, and whether the page is dark right now. */
export function useTheme(): { theme: Theme; isDark: boolean } {
  const choice = useSyncExternalStore(subscribe, () => theme);
  const isDark = useSyncExternalStore(subscribe, () => document.documentElement.classList.contains("dark"));
  return { theme: choice, isDark };
}
