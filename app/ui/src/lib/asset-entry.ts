/** A file in a run form: on its way up, there, or refused. */
import type { Problem } from "@/lib/problem";

export type AssetFacts = { asset: string; name: string; mime: string; size_bytes: number };

export type AssetEntry =
  | { key: string; state: "uploading"; name: string; size_bytes: number; fraction: number; cancel: () => void }
  | { key: string; state: "failed"; name: string; problem: Problem }
  | { key: string; state: "ready"; file: AssetFacts };

export const FILE_PORTS = ["file", "image", "video", "audio"] as const;
export type FilePort = (typeof FILE_PORTS)[number];

/** What the form of a workflow asks of the field that gathers files. */
export type AssetFieldProps = {
  label: string;
  hint: string | undefined;
  isOptional: boolean;
  port: FilePort;
  isList: boolean;
  max: number | null;
  entries: readonly AssetEntry[];
  onChange: (change: (entries: readonly AssetEntry[]) => readonly AssetEntry[]) => void;
  complaints: readonly string[];
};

export const readyFiles = (entries: readonly AssetEntry[]): AssetFacts[] =>
  entries.flatMap((entry) => (entry.state === "ready" ? [entry.file] : []));

export const isUploading = (entries: readonly AssetEntry[]): boolean =>
  entries.some((entry) => entry.state === "uploading");

export const refusedCount = (entries: readonly AssetEntry[]): number =>
  entries.filter((entry) => entry.state === "failed").length;
