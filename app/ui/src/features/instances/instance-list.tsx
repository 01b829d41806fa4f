/** Instances, newest first: of one workflow, or of all. */
import { useSuspenseInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Play, RotateCcw } from "lucide-react";

import { LoadMore } from "@/components/load-more";
import { Empty } from "@/components/page";
import { StatusPill } from "@/components/status";
import { Tag } from "@/components/tag";
import { Ago, Elapsed } from "@/components/time";
import { Button } from "@/components/ui/button";
import { itemsOf } from "@/lib/paging";

import { instancesQuery } from "./api";
import { useLiveList } from "./live";
import { t } from "./messages";

export function InstanceList({ workflowId }: { workflowId: string | null }) {
  const list = useSuspenseInfiniteQuery(instancesQuery(workflowId));
  useLiveList();
  const instances = itemsOf(list.data);
  if (instances.length === 0) {
    return (
      <Empty
        icon={Play}
        heading={t("instances.empty")}
        body={t("instances.empty_body")}
        action={
          <Button asChild variant="primary">
            {workflowId === null ? (
              <Link to="/workflows">{t("instances.to_workflows")}</Link>
            ) : (
              <Link to="/workflows/$workflowId" params={{ workflowId }} search={{ tab: "run" }}>
                {t("run.start")}
              </Link>
            )}
          </Button>
        }
      />
    );
  }
  return (
    <>
      <ul
        aria-label={t("instances.heading")}
        className="divide-y divide-border overflow-hidden rounded-xl border border-border bg-surface shadow-card"
      >
        {instances.map((instance) => (
          <li
            key={instance.id}
            className="relative flex items-center gap-x-4 px-4 py-2.5 transition-colors hover:bg-sunken/60"
          >
            <span className="min-w-0 flex-1">
              <Link
                to="/instances/$instanceId"
                params={{ instanceId: instance.id }}
                className="block truncate font-medium after:absolute after:inset-0"
              >
                {instance.workflow_name} <span className="font-normal text-soft tabular-nums">#{instance.number}</span>
              </Link>
              {instance.error === null && instance.reason === null ? null : (
                <span className="block truncate text-[13px] text-soft">
                  {instance.error?.message ?? instance.reason}
                </span>
              )}
            </span>
            {instance.origin_number === null ? null : (
              <Tag>
                <RotateCcw className="mr-1 size-3" aria-hidden />
                {t("instance.rerun_tag", { number: instance.origin_number })}
              </Tag>
            )}
            {instance.source === "webhook" ? <Tag>{t("instance.webhook")}</Tag> : null}
            {instance.source === "schedule" ? <Tag>{t("instance.schedule")}</Tag> : null}
            <span className="w-20 text-right text-[13px] text-soft tabular-nums max-sm:hidden">
              {instance.started_at === null ? null : <Elapsed start={instance.started_at} end={instance.ended_at} />}
            </span>
            <Ago time={instance.created_at} className="text-right text-[13px] whitespace-nowrap text-soft sm:w-24" />
            <StatusPill status={instance.status} />
          </li>
        ))}
      </ul>
      <LoadMore list={list} />
    </>
  );
}
