/** Everything that was uploaded or made, newest first. */
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CloudUpload, Download, Images, Trash2, X } from "lucide-react";
import { useRef, useState, type ReactNode } from "react";
import { toast } from "sonner";

import { DropZone } from "@/components/drop-zone";
import { LoadMore } from "@/components/load-more";
import { downloadUrl, Thumbnail, Viewer } from "@/components/media";
import { Empty } from "@/components/page";
import { ProblemNote } from "@/components/problem-note";
import { Ago } from "@/components/time";
import { Button } from "@/components/ui/button";
import { ConfirmWindow, Dialog, DialogTrigger, DialogWindow } from "@/components/ui/dialog";
import { Progress } from "@/components/ui/progress";
import { Skeleton } from "@/components/ui/skeleton";
import type { AssetEntry } from "@/lib/asset-entry";
import { cn } from "@/lib/cn";
import { bytes, playtime } from "@/lib/format";
import { useMay } from "@/lib/me";
import { itemsOf } from "@/lib/paging";
import { asProblem } from "@/lib/problem";
import type { Asset } from "@/lib/types";

import { assetsQuery, factsOf, useDeleteAsset } from "./api";
import { t } from "./messages";
import { originOf, type Search } from "./search";
import { useUploads } from "./use-uploads";

const GRID = "grid grid-cols-[repeat(auto-fill,minmax(9.5rem,1fr))] gap-3";

function facts(asset: Asset): string {
  return [
    asset.mime,
    bytes(asset.size_bytes),
    asset.width !== null && asset.height !== null ? `${String(asset.width)} × ${String(asset.height)}` : null,
    asset.duration_s === null ? null : playtime(asset.duration_s),
  ]
    .filter(Boolean)
    .join(" · ");
}

function AssetWindow({ asset, mayDelete }: { asset: Asset; mayDelete: boolean }) {
  const [isOpen, setOpen] = useState(false);
  const [isAsking, setAsking] = useState(false);
  const remove = useDeleteAsset();
  return (
    <Dialog open={isOpen} onOpenChange={setOpen}>
      <DialogTrigger asChild>
        <button
          type="button"
          className="block w-full overflow-hidden rounded-lg border border-border bg-surface text-left shadow-card transition-colors hover:border-control"
        >
          <Thumbnail file={factsOf(asset)} isDecorative />
          <span className="block truncate px-2.5 pt-2 text-[13px]">{asset.name}</span>
          <span className="block truncate px-2.5 pb-2 text-xs text-soft">
            {asset.duration_s === null
              ? bytes(asset.size_bytes)
              : `${playtime(asset.duration_s)} · ${bytes(asset.size_bytes)}`}
          </span>
        </button>
      </DialogTrigger>
      <DialogWindow heading={asset.name} description={facts(asset)} className="sm:w-[min(92vw,52rem)]">
        <div className="min-h-0 overflow-y-auto px-5">{isOpen ? <Viewer file={factsOf(asset)} /> : null}</div>
        <footer className="flex items-center gap-2 px-5 py-4">
          <span className="mr-auto text-[13px] text-soft">
            {originOf(asset)} · <Ago time={asset.created_at} />
            {asset.instance_id === null ? null : (
              <>
                {" · "}
                <Link
                  to="/instances/$instanceId"
                  params={{ instanceId: asset.instance_id }}
                  className="text-accent underline-offset-2 hover:underline"
                >
                  {t("assets.see_instance")}
                </Link>
              </>
            )}
          </span>
          {mayDelete ? (
            <Button variant="danger" isBusy={remove.isPending} onClick={() => setAsking(true)}>
              <Trash2 aria-hidden /> {t("assets.delete")}
            </Button>
          ) : null}
          <Button asChild>
            <a href={downloadUrl(asset.id)} download={asset.name}>
              <Download aria-hidden /> {t("common.download")}
            </a>
          </Button>
        </footer>
        <ConfirmWindow
          isOpen={isAsking}
          onOpenChange={setAsking}
          heading={t("assets.delete_heading", { name: asset.name })}
          body={t("assets.delete_body")}
          action={t("assets.delete")}
          onConfirm={() =>
            remove.mutate(asset.id, {
              onSuccess: () => setOpen(false),
              onError: (error) => toast.error(asProblem(error).message),
            })
          }
        />
      </DialogWindow>
    </Dialog>
  );
}

type UploadingProps = { entries: readonly AssetEntry[]; onDismiss: (key: string) => void };

function Uploading({ entries, onDismiss }: UploadingProps) {
  return (
    <ul className="mb-4 space-y-2" aria-label={t("assets.uploads")}>
      {entries.map((entry) =>
        entry.state === "uploading" ? (
          <li key={entry.key} className="flex items-center gap-3 text-[13px]">
            <span className="w-48 truncate">{entry.name}</span>
            <Progress fraction={entry.fraction} label={t("upload.progress", { name: entry.name })} className="flex-1" />
          </li>
        ) : entry.state === "failed" ? (
          <li key={entry.key} className="flex items-center gap-2 text-[13px] text-failed">
            <span role="alert">
              {entry.name}: {entry.problem.message}
            </span>
            <Button
              size="icon-sm"
              variant="quiet"
              aria-label={t("assets.remove", { name: entry.name })}
              onClick={() => onDismiss(entry.key)}
            >
              <X aria-hidden />
            </Button>
          </li>
        ) : null,
      )}
    </ul>
  );
}

/** `children`: the search, which shares its row with the button for uploads. */
export function Gallery({ search, children }: { search: Search; children: ReactNode }) {
  // What was found before stays while the next word is looked for.
  const list = useInfiniteQuery({ ...assetsQuery(search), placeholderData: keepPreviousData });
  const mayUpload = useMay("operator");
  const mayDelete = useMay("editor");
  const input = useRef<HTMLInputElement>(null);
  const [entries, setEntries] = useState<readonly AssetEntry[]>([]);
  const start = useUploads(setEntries, "file", null);
  const assets = itemsOf(list.data) ?? [];
  const isNarrow = search.kind !== "file" || search.origin !== "kept" || search.name !== "";
  const uploadButton = mayUpload ? (
    <Button onClick={() => input.current?.click()}>
      <CloudUpload aria-hidden /> {t("assets.upload")}
    </Button>
  ) : undefined;

  return (
    <DropZone
      onFiles={(files) => (mayUpload ? start(files) : undefined)}
      overClassName="rounded-xl ring-2 ring-accent ring-offset-8 ring-offset-background"
    >
      <input
        ref={input}
        type="file"
        multiple
        tabIndex={-1}
        className="hidden"
        aria-label={t("assets.upload")}
        onChange={(event) => {
          start([...(event.target.files ?? [])]);
          event.target.value = "";
        }}
      />
      <div className="mb-5 flex flex-wrap items-center gap-x-6 gap-y-3">
        {children}
        {uploadButton}
      </div>
      <Uploading
        entries={entries}
        onDismiss={(key) => setEntries((before) => before.filter((entry) => entry.key !== key))}
      />
      {list.error ? <ProblemNote error={list.error} /> : null}
      {list.isPending ? (
        <ul className={GRID}>
          {Array.from({ length: 12 }, (_, index) => (
            <li key={index}>
              <Skeleton className="aspect-square rounded-lg" />
            </li>
          ))}
        </ul>
      ) : assets.length === 0 ? (
        isNarrow ? (
          <Empty icon={Images} heading={t("assets.none_found")} body={t("assets.none_found_body")} />
        ) : (
          <Empty icon={Images} heading={t("assets.empty")} body={t("assets.empty_body")} />
        )
      ) : (
        <>
          <ul className={cn(GRID, list.isPlaceholderData && "opacity-60")} aria-label={t("assets.heading")}>
            {assets.map((asset) => (
              <li key={asset.id}>
                <AssetWindow asset={asset} mayDelete={mayDelete} />
              </li>
            ))}
          </ul>
          <LoadMore list={list} />
        </>
      )}
    </DropZone>
  );
}
