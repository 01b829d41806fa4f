/** What a step ran: the instances of another workflow, or of its own rounds. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { LoadMore } from "@/components/load-more";
import { ProblemNote } from "@/components/problem-note";
import { StatusPill } from "@/components/status";
import { Elapsed } from "@/components/time";
import { Skeleton } from "@/components/ui/skeleton";
import { itemsOf } from "@/lib/paging";

import { childrenQuery } from "./api";
import { t } from "./messages";

export function StepChildren({ instanceId, stepId }: { instanceId: string; stepId: string }) {
  const list = useInfiniteQuery(childrenQuery(instanceId, stepId));
  if (list.isPending) return <Skeleton className="h-10 rounded-lg" />;
  if (list.isError) return <ProblemNote error={list.error} />;
  const children = itemsOf(list.data);
  if (children.length === 0) return null;
  return (
    <section aria-label={t("step.ran")}>
      <h3 className="mb-1.5 text-xs font-medium text-soft">{t("step.ran")}</h3>
      <ul className="divide-y divide-border overflow-hidden rounded-lg border border-border">
        {children.map((child) => (
          <li key={child.id} className="relative flex items-center gap-3 px-3 py-2 hover:bg-sunken/60">
            <Link
              to="/instances/$instanceId"
              params={{ instanceId: child.id }}
              className="min-w-0 flex-1 truncate text-[13px] after:absolute after:inset-0"
            >
              {child.workflow_name} <span className="text-soft tabular-nums">#{child.number}</span>
            </Link>
            <span className="text-[13px] text-soft tabular-nums">
              {child.started_at === null ? null : <Elapsed start={child.started_at} end={child.ended_at} />}
            </span>
            <StatusPill status={child.status} />
          </li>
        ))}
      </ul>
      <LoadMore list={list} />
    </section>
  );
}
