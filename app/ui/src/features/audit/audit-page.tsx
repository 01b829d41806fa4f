/** Every act worth an entry, as a sentence with its time and its place. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { ScrollText } from "lucide-react";

import { LoadMore } from "@/components/load-more";
import { Empty, Page } from "@/components/page";
import { ProblemNote } from "@/components/problem-note";
import { Ago } from "@/components/time";
import { Skeleton } from "@/components/ui/skeleton";
import { itemsOf } from "@/lib/paging";

import { auditQuery } from "./api";
import { t } from "./messages";

export function AuditPage() {
  const list = useInfiniteQuery(auditQuery);
  const entries = itemsOf(list.data);
  return (
    <Page title={t("audit.heading")} subtitle={t("audit.subtitle")}>
      {list.error ? <ProblemNote error={list.error} className="mb-4" /> : null}
      {list.isPending ? <Skeleton className="h-60 rounded-xl" /> : null}
      {entries?.length === 0 ? (
        <Empty icon={ScrollText} heading={t("audit.empty")} body={t("audit.empty_body")} />
      ) : null}
      {entries === undefined || entries.length === 0 ? null : (
        <ul
          aria-label={t("audit.heading")}
          className="divide-y divide-border overflow-hidden rounded-xl border border-border bg-surface shadow-card"
        >
          {entries.map((entry) => (
            <li key={entry.id} className="flex items-baseline gap-x-4 px-4 py-2.5">
              <p className="min-w-0 flex-1 break-words">
                <span className="font-medium">{entry.actor_name}</span> {entry.words}
              </p>
              {entry.address === null ? null : (
                <span className="text-[13px] whitespace-nowrap text-faint max-md:hidden">
                  {t("audit.from", { address: entry.address })}
                </span>
              )}
              <Ago time={entry.at} className="w-24 text-right text-[13px] whitespace-nowrap text-soft" />
            </li>
          ))}
        </ul>
      )}
      <LoadMore list={list} />
    </Page>
  );
}
