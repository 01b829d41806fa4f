/** Over every page: maintenance that comes, with a countdown, or that is on. */
import { useQuery } from "@tanstack/react-query";
import { Wrench } from "lucide-react";
import { useEffect, useEffectEvent } from "react";

import { duration, secondsBetween } from "@/lib/format";
import { useNow } from "@/lib/now";

import { maintenanceQuery, type Maintenance } from "./api";
import { t } from "./messages";

export function MaintenanceBanner() {
  const { data: found, refetch } = useQuery(maintenanceQuery);
  return found?.starts_at ? (
    <Strip maintenance={found} startsAt={found.starts_at} onBegin={() => void refetch()} />
  ) : null;
}

type StripProps = { maintenance: Maintenance; startsAt: string; onBegin: () => void };

function Strip({ maintenance, startsAt, onBegin }: StripProps) {
  const now_ms = useNow();
  const left_s = secondsBetween(new Date(now_ms).toISOString(), startsAt, now_ms);
  const isOn = maintenance.is_on || left_s === 0;
  const hasBegun = isOn && !maintenance.is_on;
  const begin = useEffectEvent(onBegin);
  useEffect(() => {
    if (hasBegun) begin();
  }, [hasBegun]);
  return (
    <div
      role="status"
      className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-border bg-waiting-soft px-4 py-2.5 text-[13px]"
    >
      <Wrench className="size-5 shrink-0 text-waiting" aria-hidden />
      <div className="min-w-0 flex-1">
        <p className="font-medium tabular-nums">{isOn ? t("care.on") : t("care.soon", { left: duration(left_s) })}</p>
        <p className="text-soft">
          {isOn ? t("care.on_body") : t("care.soon_body")}{" "}
          {maintenance.message
            ? t("care.said", { name: maintenance.said_by ?? "", message: maintenance.message })
            : null}
        </p>
      </div>
    </div>
  );
}
