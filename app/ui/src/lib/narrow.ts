/** Whether the page is as narrow as a telephone. */
import { useSyncExternalStore } from "react";

const narrow = window.matchMedia("(max-width: 39.99rem)"); // below `sm`

function watch(listener: () => void): () => void {
  narrow.addEventListener("change", listener);
  return () => narrow.removeEventListener("change", listener);
}

export const useIsNarrow = (): boolean => useSyncExternalStore(watch, () => narrow.matches);
