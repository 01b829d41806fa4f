/** Sends dropped files up, three at a time, and keeps their entries current. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import type { AssetEntry, AssetFieldProps, FilePort } from "@/lib/asset-entry";
import { asProblem, Problem } from "@/lib/problem";
import { newKey } from "@/lib/random";
import { TransferCancelled } from "@/lib/transfer";
import { turns } from "@/lib/turns";
import type { Asset } from "@/lib/types";
import { upload } from "@/lib/upload";

import { factsOf } from "./api";
import { t } from "./messages";

const takeTurn = turns(3);

/** What the server found in a file decides; its name may say anything. */
function entryOf(key: string, asset: Asset, port: FilePort): AssetEntry {
  if (port === "file" || asset.kind === port) return { key, state: "ready", file: factsOf(asset) };
  const detail = t(`upload.not_${port}`, { name: asset.name, mime: asset.mime });
  return { key, state: "failed", name: asset.name, problem: new Problem({ status: 422, detail }) };
}

export function useUploads(
  onChange: AssetFieldProps["onChange"],
  port: FilePort,
  max: number | null,
): (files: readonly File[]) => void {
  const cache = useQueryClient();
  const latest = useRef(onChange);
  useEffect(() => {
    latest.current = onChange;
  });

  function put(key: string, entry: AssetEntry | null): void {
    latest.current((entries) => entries.flatMap((old) => (old.key === key ? (entry === null ? [] : [entry]) : [old])));
  }

  async function begin(key: string, file: File, abort: AbortController): Promise<void> {
    const cancel = (): void => abort.abort();
    try {
      const asset = await takeTurn(() =>
        upload(file, {
          signal: abort.signal,
          onProgress: (fraction) =>
            put(key, { key, state: "uploading", name: file.name, size_bytes: file.size, fraction, cancel }),
        }),
      );
      put(key, entryOf(key, asset, port));
      void cache.invalidateQueries({ queryKey: ["assets"] });
    } catch (error) {
      put(
        key,
        error instanceof TransferCancelled
          ? null
          : { key, state: "failed", name: file.name, problem: asProblem(error) },
      );
    }
  }

  return (files) => {
    const started = files.map((file) => ({ key: newKey(), file, abort: new AbortController() }));
    latest.current((entries) => {
      const added = started.map(({ key, file, abort }): AssetEntry => ({
        key,
        state: "uploading",
        name: file.name,
        size_bytes: file.size,
        fraction: 0,
        cancel: () => abort.abort(),
      }));
      // A field for one file replaces what it held.
      return max === 1 ? added.slice(-1) : [...entries, ...added];
    });
    for (const { key, file, abort } of max === 1 ? started.slice(-1) : started) void begin(key, file, abort);
  };
}
