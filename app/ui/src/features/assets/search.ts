/** What part of the files to show: of which kind, from where, with which word in the name. */
import type { FilePort } from "@/lib/asset-entry";
import type { Asset } from "@/lib/types";

import { t, type PlainKey } from "./messages";

export const ORIGINS = ["kept", "upload", "result", "step", "sample", "all"] as const;
/** `kept`: without the many files that steps made on the way. */
export type Origin = (typeof ORIGINS)[number];

export type Search = { kind: FilePort; origin: Origin; name: string };

const SOURCES: Record<Origin, Asset["source"][]> = {
  kept: ["upload", "result", "sample"],
  upload: ["upload"],
  result: ["result"],
  step: ["step"],
  sample: ["sample"],
  all: [],
};

export const sourcesOf = (origin: Origin): Asset["source"][] => SOURCES[origin];

const NAMES: Record<Asset["source"], PlainKey> = {
  upload: "assets.is_upload",
  result: "assets.is_result",
  step: "assets.is_step",
  sample: "assets.is_sample",
};

export const originOf = (asset: Asset): string => t(NAMES[asset.source]);
