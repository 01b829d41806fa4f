/** Who works for the box, on which lanes, and what waits there. */
import { Link } from "@tanstack/react-router";

import { Ago, Elapsed } from "@/components/time";
import { Card, CardHeading } from "@/components/ui/card";
import { bytes, duration } from "@/lib/format";
import type { LaneFacts, Worker } from "@/lib/types";

import { t, tn } from "./messages";

function Figure({ value, name }: { value: string; name: string }) {
  return (
    <div>
      <dd className="text-xl leading-tight font-semibold tracking-[-0.01em] tabular-nums">{value}</dd>
      <dt className="text-xs text-soft">{name}</dt>
    </div>
  );
}

export function LaneCards({ lanes }: { lanes: readonly LaneFacts[] }) {
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      {lanes.map((lane) => (
        <Card key={lane.lane} aria-label={t("system.lane", { lane: lane.lane })} className="p-4">
          <div className="mb-3 flex items-baseline justify-between">
            <h2 className="text-[13px] font-semibold">{t("system.lane", { lane: lane.lane })}</h2>
            <span className="text-xs text-soft">
              {tn("system.workers_count", lane.workers)} · {tn("system.slots", lane.slots)}
            </span>
          </div>
          <dl className="flex gap-8">
            <Figure value={String(lane.leased)} name={t("status.running")} />
            <Figure value={String(lane.queued)} name={t("status.queued")} />
            {lane.oldest_wait_s == null ? null : (
              <Figure value={duration(lane.oldest_wait_s)} name={t("system.oldest")} />
            )}
          </dl>
        </Card>
      ))}
    </div>
  );
}

function WorkerLine({ worker }: { worker: Worker }) {
  const memory = worker.memory_used_bytes == null ? null : bytes(worker.memory_used_bytes);
  return (
    <li className="px-4 py-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <span
          role="img"
          aria-label={t(worker.is_alive ? "system.alive" : "system.silent")}
          className={`size-2 rounded-full ${worker.is_alive ? "bg-completed" : "border-2 border-failed"}`}
        />
        <span className="min-w-0 flex-1 truncate font-medium">{worker.name}</span>
        {worker.lanes.map(({ lane, slots }) => (
          <span key={lane} className="rounded-full bg-accent-soft px-2 py-0.5 text-xs font-medium text-accent">
            {lane} · {tn("system.slots", slots)}
          </span>
        ))}
      </div>
      <p className="mt-0.5 pl-5 text-[13px] text-soft">
        {[worker.host, worker.version, memory, ...worker.resident_models].filter(Boolean).join(" · ")} ·{" "}
        {t("system.seen")} <Ago time={worker.last_seen_at} />
      </p>
      {worker.attempts.length === 0 ? null : (
        <ul className="mt-2 space-y-1 pl-5">
          {worker.attempts.map((attempt) => (
            <li key={attempt.attempt_id} className="flex items-baseline gap-2 text-[13px]">
              <Link
                to="/instances/$instanceId"
                params={{ instanceId: attempt.instance_id }}
                className="min-w-0 truncate rounded font-medium text-running hover:underline"
              >
                {attempt.node_id}
              </Link>
              <span className="truncate text-xs text-faint">{attempt.kind}</span>
              <Elapsed start={attempt.claimed_at} end={null} className="ml-auto text-soft tabular-nums" />
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}

export function WorkerCard({ workers }: { workers: readonly Worker[] }) {
  return (
    <Card aria-label={t("system.workers")}>
      <CardHeading>{t("system.workers")}</CardHeading>
      {workers.length === 0 ? <p className="px-4 py-6 text-soft">{t("system.workers_empty")}</p> : null}
      <ul className="divide-y divide-border">
        {workers.map((worker) => (
          <WorkerLine key={worker.id} worker={worker} />
        ))}
      </ul>
    </Card>
  );
}
