/** The parts of the box, its workers and its cards. */
import { useQuery } from "@tanstack/react-query";
import { CircleCheck, CircleX, Cpu, HeartPulse } from "lucide-react";

import { ProblemNote } from "@/components/problem-note";
import { Ago } from "@/components/time";
import { Card, CardHeading } from "@/components/ui/card";
import { Progress } from "@/components/ui/progress";
import { Skeleton } from "@/components/ui/skeleton";
import { bytes } from "@/lib/format";
import { t, tn } from "@/lib/messages";
import type { Gpu, Worker } from "@/lib/types";

import { healthQuery, workersQuery } from "./api";

function HealthCard() {
  const health = useQuery(healthQuery);
  return (
    <Card aria-label={t("system.health")}>
      <CardHeading aside={<HeartPulse className="size-4 text-faint" aria-hidden />}>{t("system.health")}</CardHeading>
      {health.error ? <ProblemNote error={health.error} className="m-4" /> : null}
      {health.isPending ? <Skeleton className="m-4 h-24" /> : null}
      <ul className="divide-y divide-border">
        {Object.entries(health.data?.checks ?? {}).map(([name, check]) => {
          const isHealthy = check.status === "healthy";
          return (
            <li key={name} className="flex items-start gap-2.5 px-4 py-2.5">
              {isHealthy ? (
                <CircleCheck className="mt-0.5 size-4 shrink-0 text-completed" aria-hidden />
              ) : (
                <CircleX className="mt-0.5 size-4 shrink-0 text-failed" aria-hidden />
              )}
              <span className="font-medium">{name}</span>
              <span className="ml-auto min-w-0 text-right text-[13px] text-soft">
                {check.detail ?? (isHealthy ? t("system.healthy") : check.status)}
              </span>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

function GpuLine({ gpu }: { gpu: Gpu }) {
  const facts = [
    gpu.utilization_percent === null ? null : t("system.busy", { percent: gpu.utilization_percent }),
    gpu.temperature_c === null ? null : t("system.temperature", { degrees: gpu.temperature_c }),
  ].filter(Boolean);
  return (
    <li className="px-4 py-3">
      <div className="flex items-baseline justify-between gap-3">
        <span className="min-w-0 truncate font-medium">{gpu.name}</span>
        <span className="text-[13px] whitespace-nowrap text-soft tabular-nums">{facts.join(" · ")}</span>
      </div>
      <Progress
        fraction={gpu.memory_total_bytes === 0 ? 0 : gpu.memory_used_bytes / gpu.memory_total_bytes}
        label={t("system.memory_label", { name: gpu.name })}
        className="mt-2"
      />
      <p className="mt-1 text-xs text-soft tabular-nums">
        {t("system.memory", { used: bytes(gpu.memory_used_bytes), total: bytes(gpu.memory_total_bytes) })}
      </p>
    </li>
  );
}

function WorkerLine({ worker }: { worker: Worker }) {
  const models = worker.status?.resident_models ?? [];
  return (
    <li className="flex flex-wrap items-start gap-x-3 gap-y-1 px-4 py-3">
      <div className="min-w-0 flex-1">
        <p className="truncate font-medium">{worker.name}</p>
        <p className="truncate text-[13px] text-soft">
          {[worker.host, worker.version, ...models].join(" · ")}
        </p>
      </div>
      <div className="flex flex-wrap gap-1.5">
        {worker.lanes.map(({ lane, slots }) => (
          <span key={lane} className="rounded-full bg-accent-soft px-2 py-0.5 text-xs font-medium text-accent">
            {lane} · {tn("system.slots", slots)}
          </span>
        ))}
      </div>
      <span className="w-28 text-right text-[13px] text-soft">
        {worker.left_at === null ? t("system.seen") : t("system.left")} <Ago time={worker.left_at ?? worker.last_seen_at} />
      </span>
    </li>
  );
}

export function SystemView() {
  const workers = useQuery(workersQuery);
  const list = workers.data?.items ?? [];
  // Several workers of one host see the same cards.
  const gpus = new Map(list.flatMap((worker) => worker.gpus.map((gpu) => [`${worker.host}/${String(gpu.index)}`, gpu])));
  return (
    <div className="grid items-start gap-5 lg:grid-cols-[minmax(0,1fr)_20rem]">
      <Card aria-label={t("system.workers")}>
        <CardHeading aside={<Cpu className="size-4 text-faint" aria-hidden />}>{t("system.workers")}</CardHeading>
        {workers.error ? <ProblemNote error={workers.error} className="m-4" /> : null}
        {workers.isPending ? <Skeleton className="m-4 h-24" /> : null}
        {workers.isSuccess && list.length === 0 ? <p className="px-4 py-6 text-soft">{t("system.workers_empty")}</p> : null}
        <ul className="divide-y divide-border">
          {list.map((worker) => (
            <WorkerLine key={worker.id} worker={worker} />
          ))}
        </ul>
      </Card>
      <div className="space-y-5">
        <HealthCard />
        <Card aria-label={t("system.gpus")}>
          <CardHeading>{t("system.gpus")}</CardHeading>
          {gpus.size === 0 ? (
            <p className="px-4 py-4 text-[13px] text-soft">{t("system.gpus_empty")}</p>
          ) : (
            <ul className="divide-y divide-border">
              {[...gpus].map(([key, gpu]) => (
                <GpuLine key={key} gpu={gpu} />
              ))}
            </ul>
          )}
        </Card>
      </div>
    </div>
  );
}
