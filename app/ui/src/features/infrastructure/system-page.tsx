/** The box at a glance: lanes and workers beside health, storage and cards. */
import { useQuery } from "@tanstack/react-query";

import { Page } from "@/components/page";
import { ProblemNote } from "@/components/problem-note";
import { Skeleton } from "@/components/ui/skeleton";

import { healthQuery, workersQuery } from "./api";
import { GpuCard, HealthCard, StorageCard, VersionsCard } from "./health-cards";
import { t } from "./messages";
import { LaneCards, WorkerCard } from "./worker-cards";

export function SystemPage() {
  const health = useQuery(healthQuery);
  const workers = useQuery(workersQuery);
  return (
    <Page title={t("system.heading")} subtitle={t("system.subtitle")}>
      <div className="grid items-start gap-5 lg:grid-cols-[minmax(0,1fr)_21rem]">
        <div className="space-y-5">
          {health.error ? <ProblemNote error={health.error} /> : null}
          {workers.error ? <ProblemNote error={workers.error} /> : null}
          {health.data ? <LaneCards lanes={health.data.lanes} /> : <Skeleton className="h-24 rounded-xl" />}
          {workers.data ? <WorkerCard workers={workers.data.items} /> : <Skeleton className="h-40 rounded-xl" />}
        </div>
        <div className="space-y-5">
          {health.data ? (
            <>
              <HealthCard health={health.data} />
              <GpuCard gpus={health.data.gpus} />
              <StorageCard health={health.data} />
              <VersionsCard health={health.data} />
            </>
          ) : (
            <Skeleton className="h-72 rounded-xl" />
          )}
        </div>
      </div>
    </Page>
  );
}
