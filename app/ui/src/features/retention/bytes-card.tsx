/** Stored bytes that no file names any more: when they go, and what was freed. */
import { useQuery } from "@tanstack/react-query";
import { toast } from "sonner";

import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Card, CardHeading } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { bytes } from "@/lib/format";

import { bytesQuery, useCollect } from "./api";
import { Facts } from "./facts";
import { t } from "./messages";

export function BytesCard() {
  const unused = useQuery(bytesQuery);
  const collect = useCollect();
  return (
    <Card aria-label={t("retention.bytes")}>
      <CardHeading
        aside={
          <Button
            size="sm"
            isBusy={collect.isPending}
            onClick={() =>
              collect.mutate(undefined, {
                onSuccess: (freed) => toast.success(t("retention.collected", { size: bytes(freed.bytes) })),
              })
            }
          >
            {t("retention.collect")}
          </Button>
        }
      >
        {t("retention.bytes")}
      </CardHeading>
      {unused.error ? <ProblemNote error={unused.error} className="m-4" /> : null}
      {collect.error ? <ProblemNote error={collect.error} className="m-4" /> : null}
      {unused.data ? (
        <div className="space-y-3 p-4">
          <Facts
            facts={[
              [t("retention.bytes_due"), bytes(unused.data.due.bytes)],
              [t("retention.bytes_waiting"), bytes(unused.data.waiting.bytes)],
              [t("retention.bytes_freed"), bytes(unused.data.freed_30_days.bytes)],
            ]}
          />
          <p className="text-[13px] text-soft">
            {unused.data.held_by.length > 0
              ? t("retention.bytes_held", { who: unused.data.held_by.join(", ") })
              : t("retention.bytes_note", { hours: Math.round(unused.data.grace_s / 3600) })}
          </p>
        </div>
      ) : null}
      {unused.isPending ? <Skeleton className="m-4 h-24 rounded-lg" /> : null}
    </Card>
  );
}
