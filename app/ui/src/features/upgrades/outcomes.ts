/** How a version went, as a word in its colour. */
import type { Tone } from "@/components/tag";

import type { Seen } from "./api";
import type { PlainKey } from "./messages";

export const OUTCOMES = {
  healthy: { tone: "good", word: "upgrades.healthy" },
  untried: { tone: "waiting", word: "upgrades.untried" },
  failed: { tone: "bad", word: "upgrades.failed" },
  undone: { tone: "bad", word: "upgrades.undone" },
} as const satisfies Record<Seen["outcome"], { tone: Tone; word: PlainKey }>;
