/** Takes files from the gallery instead of sending them again. */
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Check } from "lucide-react";
import { useCallback, useState, type ReactNode } from "react";

import { LoadMore } from "@/components/load-more";
import { Thumbnail } from "@/components/media";
import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Dialog, DialogTrigger, DialogWindow } from "@/components/ui/dialog";
import { Skeleton } from "@/components/ui/skeleton";
import type { AssetFacts, FilePort } from "@/lib/asset-entry";
import { cn } from "@/lib/cn";
import { bytes } from "@/lib/format";
import { itemsOf } from "@/lib/paging";
import type { Asset } from "@/lib/types";

import { assetsQuery, factsOf } from "./api";
import { t, tn } from "./messages";
import { originOf, type Search } from "./search";
import { SearchBar } from "./search-bar";

type PickerProps = {
  port: FilePort;
  isList: boolean;
  label: string;
  onPick: (files: readonly AssetFacts[]) => void;
  /** The button that opens it. */
  children: ReactNode;
};

export function AssetPicker({ port, isList, label, onPick, children }: PickerProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <Dialog open={isOpen} onOpenChange={setOpen}>
      <DialogTrigger asChild>{children}</DialogTrigger>
      <DialogWindow
        heading={t("assets.pick_heading", { label })}
        description={t(isList ? "assets.pick_many" : "assets.pick_one")}
        className="sm:w-[min(92vw,48rem)]"
      >
        <Grid
          port={port}
          isList={isList}
          onPick={(files) => {
            onPick(files);
            setOpen(false);
          }}
        />
      </DialogWindow>
    </Dialog>
  );
}

function Grid({ port, isList, onPick }: Pick<PickerProps, "port" | "isList" | "onPick">) {
  const [search, setSearch] = useState<Search>({ kind: port, origin: "kept", name: "" });
  const change = useCallback((next: Partial<Search>) => setSearch((before) => ({ ...before, ...next })), []);
  const list = useInfiniteQuery({ ...assetsQuery(search), placeholderData: keepPreviousData });
  // In the order of the clicks: that is the order they go into the field. Another search keeps them.
  const [chosen, setChosen] = useState<readonly Asset[]>([]);
  const assets = itemsOf(list.data) ?? [];
  const isNarrow = search.origin !== "kept" || search.name !== "";

  function toggle(asset: Asset): void {
    const others = chosen.filter((other) => other.id !== asset.id);
    if (!isList) setChosen([asset]);
    else setChosen(others.length < chosen.length ? others : [...chosen, asset]);
  }

  return (
    <>
      <div className="px-5 pb-3">
        <SearchBar search={search} onChange={change} />
      </div>
      <div className="min-h-64 flex-1 overflow-y-auto px-5 py-1">
        {list.error ? <ProblemNote error={list.error} /> : null}
        {list.isSuccess && assets.length === 0 ? (
          <p className="py-16 text-center text-soft">{t(isNarrow ? "assets.none_found_body" : "assets.pick_empty")}</p>
        ) : null}
        <ul className="grid grid-cols-[repeat(auto-fill,minmax(7.5rem,1fr))] gap-3">
          {list.isPending
            ? Array.from({ length: 8 }, (_, index) => (
                <li key={index}>
                  <Skeleton className="aspect-square rounded-lg" />
                </li>
              ))
            : assets.map((asset) => {
                const place = chosen.findIndex((one) => one.id === asset.id);
                return (
                  <li key={asset.id}>
                    <button
                      type="button"
                      aria-pressed={place >= 0}
                      onClick={() => toggle(asset)}
                      className={cn(
                        "relative block w-full overflow-hidden rounded-lg border border-border text-left hover:border-control",
                        place >= 0 && "border-accent ring-2 ring-accent",
                      )}
                    >
                      <Thumbnail file={factsOf(asset)} isDecorative />
                      <span className="block truncate px-2 pt-1.5 text-xs">{asset.name}</span>
                      <span className="block truncate px-2 pb-1.5 text-[11px] text-soft">
                        {`${bytes(asset.size_bytes)} · ${originOf(asset)}`}
                      </span>
                      {place >= 0 ? (
                        <span
                          aria-hidden
                          className="absolute top-1.5 right-1.5 grid size-5.5 place-items-center rounded-full bg-accent text-[11px] font-semibold text-white dark:text-background"
                        >
                          {isList ? place + 1 : <Check className="size-3.5" aria-hidden />}
                        </span>
                      ) : null}
                    </button>
                  </li>
                );
              })}
        </ul>
        <LoadMore list={list} />
      </div>
      <footer className="flex items-center justify-between gap-3 border-t border-border px-5 py-3">
        <span className="text-[13px] text-soft" role="status">
          {tn("assets.count", chosen.length)}
        </span>
        <Button variant="primary" disabled={chosen.length === 0} onClick={() => onPick(chosen.map(factsOf))}>
          {t("assets.take")}
        </Button>
      </footer>
    </>
  );
}
