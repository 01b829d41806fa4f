/** The items of a fan-out: a cell each, with its picture once it has made one. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Ellipsis } from "lucide-react";
import { useState } from "react";

import { LoadMore } from "@/components/load-more";
import { contentUrl, Thumbnail } from "@/components/media";
import { ProblemNote } from "@/components/problem-note";
import { StatusIcon, statusWord } from "@/components/status";
import { Skeleton } from "@/components/ui/skeleton";
import type { AssetFacts } from "@/lib/asset-entry";
import { cn } from "@/lib/cn";
import { itemsOf } from "@/lib/paging";
import type { Instance, Step } from "@/lib/types";

import { itemsQuery } from "./api";
import { ENDED, untilSettled } from "./ends";
import { failuresOf, placeOf } from "./failures";
import { ItemWindow } from "./item-window";
import { t, tn } from "./messages";

function fileOf(item: Step): AssetFacts | null {
  for (const value of Object.values(item.outputs ?? {})) {
    if (typeof value === "object" && value !== null && "asset" in value && "mime" in value) return value as AssetFacts;
  }
  return null;
}

type CellProps = { item: Step; isSmall: boolean; onOpen: () => void };

function Cell({ item, isSmall, onOpen }: CellProps) {
  const number = placeOf(item);
  const file = fileOf(item);
  const label = t("step.item", { number, status: statusWord(item.status) });
  return (
    <li
      title={item.error?.message ?? label}
      data-status={item.status}
      className={cn(
        "group relative aspect-square overflow-hidden rounded-md border border-border bg-sunken",
        item.status === "failed" && "border-failed/50 bg-failed-soft",
      )}
    >
      {file === null ? (
        <button
          type="button"
          className="grid size-full place-items-center"
          aria-label={t("step.open_item", { number })}
          onClick={onOpen}
        >
          <StatusIcon status={item.status} isSilent />
        </button>
      ) : (
        <>
          <a
            href={contentUrl(file.asset)}
            target="_blank"
            rel="noreferrer"
            aria-label={t("media.open", { name: file.name })}
          >
            <Thumbnail file={file} />
          </a>
          <button
            type="button"
            className="absolute top-1 right-1 grid size-6 place-items-center rounded-md bg-surface/85 text-soft shadow-card group-hover:opacity-100 hover:text-foreground focus-visible:opacity-100 [@media(hover:hover)]:opacity-0"
            aria-label={t("step.open_item", { number })}
            onClick={onOpen}
          >
            <Ellipsis className="size-4" aria-hidden />
          </button>
        </>
      )}
      {file === null && !isSmall ? (
        <span className="absolute right-1 bottom-0.5 text-[10px] text-faint tabular-nums" aria-hidden>
          {number}
        </span>
      ) : null}
      <span className="sr-only">{label}</span>
    </li>
  );
}

export function StepItems({ instance, step, name }: { instance: Instance; step: Step; name: string }) {
  const list = useInfiniteQuery({
    ...itemsQuery(instance.id, step.id),
    refetchInterval: ({ state }) => untilSettled(ENDED.has(instance.status), itemsOf(state.data)),
  });
  const [opened, setOpened] = useState<string | null>(null);
  if (list.error) return <ProblemNote error={list.error} />;
  if (list.isPending) return <Skeleton className="h-20" />;
  const items = itemsOf(list.data);
  const hasPictures = items.some((item) => fileOf(item) !== null);
  const shown = items.find((item) => item.id === opened);
  const failures = failuresOf(items, step);
  return (
    <section aria-label={t("step.items_label")}>
      <ol
        className={cn(
          "grid gap-1.5",
          hasPictures ? "grid-cols-[repeat(auto-fill,minmax(4.5rem,1fr))]" : "grid-cols-[repeat(auto-fill,1.9rem)]",
        )}
      >
        {items.map((item) => (
          <Cell key={item.id} item={item} isSmall={!hasPictures} onOpen={() => setOpened(item.id)} />
        ))}
      </ol>
      {failures.length > 0 ? (
        <ul className="mt-3 space-y-1 text-[13px]">
          {failures.slice(0, 10).map(({ message, places }) => (
            <li key={message} className="text-failed">
              {tn("step.item_error", places.length, { places: places.join(", "), message })}
            </li>
          ))}
        </ul>
      ) : null}
      <LoadMore list={list} />
      {shown === undefined ? null : (
        <ItemWindow
          key={shown.id}
          instance={instance}
          item={shown}
          number={placeOf(shown)}
          name={name}
          onClose={() => setOpened(null)}
        />
      )}
    </section>
  );
}
