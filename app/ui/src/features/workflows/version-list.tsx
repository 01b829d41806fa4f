/** Every version that was ever saved; none of them changes any more. */
import { useQuery, useSuspenseInfiniteQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";

import { LoadMore } from "@/components/load-more";
import { ProblemNote } from "@/components/problem-note";
import { Ago } from "@/components/time";
import { Button } from "@/components/ui/button";
import { Dialog, DialogTrigger, DialogWindow } from "@/components/ui/dialog";
import { Skeleton } from "@/components/ui/skeleton";
import type { VersionSummary } from "@/lib/types";

import { versionQuery, versionsQuery } from "./api";
import { t } from "./messages";

const JsonEditor = lazy(() => import("@/components/editor/json-editor"));

function Document({ workflowId, number, label }: { workflowId: string; number: number; label: string }) {
  const version = useQuery(versionQuery(workflowId, number));
  if (version.error) return <ProblemNote error={version.error} />;
  if (version.isPending) return <Skeleton className="h-[60dvh] rounded-xl" />;
  return (
    <Suspense fallback={<Skeleton className="h-[60dvh] rounded-xl" />}>
      <JsonEditor
        text={JSON.stringify(version.data.definition, null, 2)}
        label={label}
        isReadOnly
        className="h-[60dvh]"
      />
    </Suspense>
  );
}

function VersionWindow({ workflowId, version }: { workflowId: string; version: VersionSummary }) {
  const [isOpen, setOpen] = useState(false);
  const title = t("workflows.version", { number: version.number });
  return (
    <Dialog open={isOpen} onOpenChange={setOpen}>
      <DialogTrigger asChild>
        <Button size="sm" aria-label={t("workflows.show_version", { number: version.number })}>
          {t("common.show")}
        </Button>
      </DialogTrigger>
      <DialogWindow heading={title} className="sm:w-[min(92vw,46rem)]">
        <div className="min-h-0 px-5 pb-5">
          <Document workflowId={workflowId} number={version.number} label={title} />
        </div>
      </DialogWindow>
    </Dialog>
  );
}

export function VersionList({ workflowId, latest }: { workflowId: string; latest: number }) {
  const list = useSuspenseInfiniteQuery(versionsQuery(workflowId));
  return (
    <>
      <ul
        aria-label={t("workflows.versions")}
        className="divide-y divide-border overflow-hidden rounded-xl border border-border bg-surface shadow-card"
      >
        {list.data.pages
          .flatMap((page) => page.items)
          .map((version) => (
            <li key={version.id} className="flex items-center gap-3 px-4 py-2.5">
              <span className="w-10 font-mono text-[13px] tabular-nums">{version.number}</span>
              {version.number === latest ? (
                <span className="rounded-full bg-completed-soft px-2 py-px text-[11px] font-medium text-completed">
                  {t("workflows.current")}
                </span>
              ) : null}
              <span className="min-w-0 flex-1 truncate text-soft">{version.note}</span>
              <Ago time={version.created_at} className="text-[13px] text-soft" />
              <VersionWindow workflowId={workflowId} version={version} />
            </li>
          ))}
      </ul>
      <LoadMore
        hasMore={list.hasNextPage}
        isLoading={list.isFetchingNextPage}
        onMore={() => void list.fetchNextPage()}
      />
    </>
  );
}
