/** How the parts of the box are, each with a sentence, and what they hold. */
import { CircleAlert, CircleCheck, CircleHelp, CircleX } from "lucide-react";

import { Card, CardHeading } from "@/components/ui/card";
import { Meter } from "@/components/ui/progress";
import { bytes, duration } from "@/lib/format";
import type { FullHealth, Gpu, HealthStatus } from "@/lib/types";

import { t, type PlainKey } from "./messages";

const LOOKS = {
  healthy: { icon: CircleCheck, ink: "text-completed", word: "system.healthy" },
  degraded: { icon: CircleAlert, ink: "text-waiting", word: "system.degraded" },
  unhealthy: { icon: CircleX, ink: "text-failed", word: "system.unhealthy" },
  unknown: { icon: CircleHelp, ink: "text-waiting", word: "system.unknown" },
} as const satisfies Record<HealthStatus, { icon: typeof CircleCheck; ink: string; word: PlainKey }>;

function Mark({ status }: { status: HealthStatus }) {
  const { icon: Icon, ink, word } = LOOKS[status];
  return <Icon role="img" aria-label={t(word)} className={`mt-0.5 size-4 shrink-0 ${ink}`} />;
}

/** What wants somebody first, then what is well. */
const ORDER: readonly HealthStatus[] = ["unhealthy", "degraded", "unknown", "healthy"];

export function HealthCard({ health }: { health: FullHealth }) {
  return (
    <Card aria-label={t("system.health")}>
      <CardHeading aside={<span className="text-[13px] text-soft">{t(LOOKS[health.status].word)}</span>}>
        {t("system.health")}
      </CardHeading>
      <ul className="divide-y divide-border">
        {Object.entries(health.checks)
          .toSorted(([, one], [, other]) => ORDER.indexOf(one.status) - ORDER.indexOf(other.status))
          .map(([name, check]) => (
            <li key={name} className="flex items-start gap-2.5 px-4 py-2.5">
              <Mark status={check.status} />
              <div className="min-w-0">
                <p className="font-medium first-letter:uppercase">{name}</p>
                <p className="text-[13px] text-soft">{check.detail}</p>
                {check.remedy == null ? null : <p className="mt-0.5 text-[13px]">{check.remedy}</p>}
              </div>
            </li>
          ))}
      </ul>
    </Card>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div className="flex justify-between gap-3">
      <dt className="text-soft">{name}</dt>
      <dd className="text-right tabular-nums">{value}</dd>
    </div>
  );
}

export function StorageCard({ health }: { health: FullHealth }) {
  const { storage, database, redis } = health;
  return (
    <Card aria-label={t("system.storage")}>
      <CardHeading>{t("system.storage")}</CardHeading>
      <div className="space-y-3 p-4">
        <Meter value={storage.used_bytes} of={storage.total_bytes} label={t("system.volume")} />
        {storage.sentence || storage.risk ? (
          <p role="alert" className="text-[13px] text-failed">
            {storage.sentence || storage.risk} {storage.remedy}
          </p>
        ) : null}
        {storage.volume ? <p className="text-[13px] text-soft">{storage.volume.promise}</p> : null}
        <dl className="space-y-1.5 text-[13px]">
          <Fact
            name={t("system.free")}
            value={t("system.free_of", { free: bytes(storage.free_bytes), total: bytes(storage.total_bytes) })}
          />
          {storage.quota_bytes == null ? null : <Fact name={t("system.quota")} value={bytes(storage.quota_bytes)} />}
          {storage.volume ? <Fact name={t("system.file_system")} value={storage.volume.file_system} /> : null}
          {storage.volume?.missing.length ? (
            <Fact name={t("system.file_system_lacks")} value={storage.volume.missing.join(", ")} />
          ) : null}
          {Object.entries(storage.kinds)
            .filter(([, size]) => size > 0)
            .toSorted(([, one], [, other]) => other - one)
            .map(([kind, size]) => (
              <Fact key={kind} name={t("system.kind", { kind })} value={bytes(size)} />
            ))}
          <Fact
            name={t("system.connections")}
            value={t("system.part_of", { part: database.connections, whole: database.connections_max })}
          />
          <Fact name={t("system.oldest_transaction")} value={duration(database.oldest_transaction_s)} />
          {redis ? <Fact name={t("system.redis_memory")} value={bytes(redis.memory_used_bytes)} /> : null}
          {redis ? <Fact name={t("system.redis_uptime")} value={duration(redis.uptime_s)} /> : null}
        </dl>
      </div>
    </Card>
  );
}

export function VersionsCard({ health: { versions } }: { health: FullHealth }) {
  return (
    <Card aria-label={t("system.versions")}>
      <CardHeading>{t("system.versions")}</CardHeading>
      <dl className="space-y-1.5 p-4 text-[13px]">
        <Fact name={t("app.name")} value={versions.studio} />
        <Fact name={t("system.database")} value={versions.postgres} />
        {versions.redis == null ? null : <Fact name={t("system.redis")} value={versions.redis} />}
        <Fact name={t("system.python")} value={versions.python} />
      </dl>
    </Card>
  );
}

function GpuLine({ gpu }: { gpu: Gpu }) {
  const facts = [
    gpu.utilization_percent == null ? null : t("system.busy", { percent: gpu.utilization_percent }),
    gpu.temperature_c == null ? null : t("system.temperature", { degrees: gpu.temperature_c }),
    gpu.xid == null ? null : t("system.xid", { number: gpu.xid }),
  ].filter(Boolean);
  return (
    <li className="px-4 py-3">
      <div className="mb-2 flex items-baseline justify-between gap-3">
        <span className="min-w-0 truncate font-medium">{gpu.name}</span>
        <span className="text-[13px] whitespace-nowrap text-soft tabular-nums">{facts.join(" · ")}</span>
      </div>
      <Meter
        value={gpu.memory_used_bytes}
        of={gpu.memory_total_bytes}
        label={t("system.memory_label", { name: gpu.name })}
      />
      <p className="mt-1 text-xs text-soft tabular-nums">
        {t("system.memory", { used: bytes(gpu.memory_used_bytes), total: bytes(gpu.memory_total_bytes) })}
      </p>
    </li>
  );
}

export function GpuCard({ gpus }: { gpus: readonly Gpu[] }) {
  return (
    <Card aria-label={t("system.gpus")}>
      <CardHeading>{t("system.gpus")}</CardHeading>
      {gpus.length === 0 ? (
        <p className="px-4 py-4 text-[13px] text-soft">{t("system.gpus_empty")}</p>
      ) : (
        <ul className="divide-y divide-border">
          {gpus.map((gpu) => (
            <GpuLine key={gpu.index} gpu={gpu} />
          ))}
        </ul>
      )}
    </Card>
  );
}
