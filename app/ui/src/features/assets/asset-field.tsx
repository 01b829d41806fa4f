/** Gathers files for an input: dropped, picked from disk or taken from the gallery, in an order of choice. */
import { ArrowLeft, ArrowRight, CloudUpload, Images, X } from "lucide-react";
import { useId, useRef, type ReactNode } from "react";

import { DropZone } from "@/components/drop-zone";
import { Complaints } from "@/components/field";
import { Thumbnail } from "@/components/media";
import { Button } from "@/components/ui/button";
import { Progress } from "@/components/ui/progress";
import type { AssetEntry, AssetFacts, AssetFieldProps, FilePort } from "@/lib/asset-entry";
import { cn } from "@/lib/cn";
import { bytes, percent } from "@/lib/format";

import { AssetPicker } from "./asset-picker";
import { t, tn } from "./messages";
import { useUploads } from "./use-uploads";

const ACCEPT: Record<FilePort, string | undefined> = {
  image: "image/*",
  video: "video/*",
  audio: "audio/*",
  file: undefined,
};

function nameOf(entry: AssetEntry): string {
  return entry.state === "ready" ? entry.file.name : entry.name;
}

type TileProps = {
  entry: AssetEntry;
  place: number;
  count: number;
  onRemove: () => void;
  onMove: (by: -1 | 1) => void;
};

function Tile({ entry, place, count, onRemove, onMove }: TileProps) {
  const name = nameOf(entry);
  return (
    <li
      className={cn(
        "group relative flex flex-col overflow-hidden rounded-lg border border-border bg-surface shadow-card",
        entry.state === "failed" && "border-failed/50",
      )}
    >
      {entry.state === "ready" ? (
        <Thumbnail file={entry.file} />
      ) : (
        <div
          className={cn(
            "grid aspect-square place-items-center px-3",
            entry.state === "failed" ? "bg-failed-soft" : "bg-sunken",
          )}
        >
          {entry.state === "uploading" ? (
            <div className="w-full text-center">
              <div className="mb-2 text-[13px] text-soft tabular-nums">{percent(entry.fraction)}</div>
              <Progress fraction={entry.fraction} label={t("upload.progress", { name })} />
            </div>
          ) : (
            <p role="alert" className="max-h-full overflow-y-auto text-center text-xs break-words text-failed">
              {entry.problem.message}
            </p>
          )}
        </div>
      )}
      <div className="flex h-8 items-center gap-1 px-2">
        <span className="min-w-0 flex-1 truncate text-xs" title={name}>
          {name}
        </span>
        {count > 1 && entry.state === "ready" ? (
          <>
            <TileButton label={t("assets.earlier", { name })} isOff={place === 0} onClick={() => onMove(-1)}>
              <ArrowLeft aria-hidden />
            </TileButton>
            <TileButton label={t("assets.later", { name })} isOff={place === count - 1} onClick={() => onMove(1)}>
              <ArrowRight aria-hidden />
            </TileButton>
          </>
        ) : null}
        <TileButton
          label={t(entry.state === "uploading" ? "upload.cancel" : "assets.remove", { name })}
          onClick={entry.state === "uploading" ? entry.cancel : onRemove}
        >
          <X aria-hidden />
        </TileButton>
      </div>
      {count > 1 ? (
        <span className="absolute top-1.5 left-1.5 rounded-full bg-black/55 px-1.5 text-[11px] leading-4.5 font-medium text-white tabular-nums">
          {place + 1}
        </span>
      ) : null}
    </li>
  );
}

function TileButton({
  label,
  isOff = false,
  onClick,
  children,
}: {
  label: string;
  isOff?: boolean;
  onClick: () => void;
  children: ReactNode;
}) {
  return (
    <button
      type="button"
      aria-label={label}
      aria-disabled={isOff || undefined}
      onClick={isOff ? undefined : onClick}
      className="grid size-6 shrink-0 place-items-center rounded text-soft hover:bg-sunken hover:text-foreground aria-disabled:opacity-30 [&_svg]:size-3.5"
    >
      {children}
    </button>
  );
}

function moved(entries: readonly AssetEntry[], key: string, by: -1 | 1): AssetEntry[] {
  const list = [...entries];
  const from = list.findIndex((entry) => entry.key === key);
  const [entry] = list.splice(from, 1);
  if (entry) list.splice(Math.max(0, from + by), 0, entry);
  return list;
}

export function AssetField({
  label,
  hint,
  isOptional,
  port,
  isList,
  max,
  entries,
  onChange,
  complaints,
}: AssetFieldProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const start = useUploads(onChange, port, max);
  const count = entries.length;
  const counted = entries.filter((entry) => entry.state !== "failed").length;
  const size = entries.reduce((sum, entry) => sum + (entry.state === "ready" ? entry.file.size_bytes : 0), 0);

  function pick(files: readonly AssetFacts[]): void {
    const added = files.map((file): AssetEntry => ({
      key: `${file.asset}-${String(Date.now())}`,
      state: "ready",
      file,
    }));
    onChange((before) => (isList ? [...before, ...added] : added.slice(-1)));
  }

  return (
    <div role="group" aria-labelledby={`${id}-label`} aria-describedby={`${id}-complaint`}>
      <div className="mb-1.5 flex items-baseline justify-between gap-3">
        <span id={`${id}-label`} className="text-[13px] font-medium">
          {label}
        </span>
        <span className="text-xs text-faint">
          {counted > 0 ? `${tn("assets.count", counted)} · ${bytes(size)}` : isOptional ? t("common.optional") : ""}
        </span>
      </div>
      <DropZone
        onFiles={start}
        overClassName="border-accent bg-accent-soft dark:bg-accent-soft"
        className={cn(
          "rounded-xl border border-dashed border-control/60 bg-surface p-3 transition-colors dark:bg-sunken",
          complaints.length > 0 && "border-failed",
        )}
      >
        {count > 0 ? (
          <ol
            className="mb-3 grid grid-cols-[repeat(auto-fill,minmax(8.5rem,1fr))] gap-2.5"
            aria-label={t("assets.chosen", { label })}
          >
            {entries.map((entry, place) => (
              <Tile
                key={entry.key}
                entry={entry}
                place={place}
                count={count}
                onRemove={() => onChange((before) => before.filter((other) => other.key !== entry.key))}
                onMove={(by) => onChange((before) => moved(before, entry.key, by))}
              />
            ))}
          </ol>
        ) : null}
        <div
          className={cn(
            "flex flex-wrap items-center gap-x-4 gap-y-2",
            count === 0 && "justify-center py-7 text-center",
          )}
        >
          {count === 0 ? (
            <div className="w-full text-soft">
              <CloudUpload className="mx-auto mb-2 size-6 text-faint" aria-hidden />
              {isList ? t("assets.drop_many") : t("assets.drop_one")}
            </div>
          ) : null}
          <Button
            size="sm"
            aria-invalid={complaints.length > 0 || undefined}
            aria-describedby={`${id}-complaint`}
            onClick={() => input.current?.click()}
          >
            <CloudUpload aria-hidden /> {t("assets.upload")}
          </Button>
          <AssetPicker port={port} isList={isList} label={label} onPick={pick}>
            <Button size="sm">
              <Images aria-hidden /> {t("assets.choose")}
            </Button>
          </AssetPicker>
          {count > 0 ? <span className="text-xs text-faint max-sm:hidden">{t("assets.drop_here")}</span> : null}
          <input
            ref={input}
            type="file"
            className="hidden"
            tabIndex={-1}
            aria-label={t("assets.upload_for", { label })}
            accept={ACCEPT[port]}
            multiple={isList}
            onChange={(event) => {
              start([...(event.target.files ?? [])]);
              event.target.value = "";
            }}
          />
        </div>
      </DropZone>
      {hint === undefined ? null : <p className="mt-1.5 text-xs text-soft">{hint}</p>}
      <Complaints id={`${id}-complaint`} list={complaints} />
    </div>
  );
}
