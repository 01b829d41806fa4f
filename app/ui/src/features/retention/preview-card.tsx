/** What would go, counted; and what stays although it is old, with the reason. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { toast } from "sonner";

import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Card, CardHeading } from "@/components/ui/card";
import { ConfirmWindow } from "@/components/ui/dialog";
import { Skeleton } from "@/components/ui/skeleton";
import { bytes } from "@/lib/format";

import { previewQuery, useRun, type Preview, type Terms } from "./api";
import { t, tn } from "./messages";
import { Facts } from "./facts";

const number = (count: number): string => count.toLocaleString("en");

function Counts({ preview }: { preview: Preview }) {
  const { runs, details } = preview;
  return (
    <div className="space-y-3 p-4">
      <Facts
        facts={[
          [t("retention.preview_runs"), number(runs.instances)],
          [t("retention.preview_steps"), number(runs.steps)],
          [
            t("retention.preview_files"),
            t("retention.files_of", { count: number(runs.files), size: bytes(runs.files_bytes) }),
          ],
          [t("retention.preview_events"), number(runs.events + details.events)],
          [t("retention.preview_lines"), number(runs.log_lines + details.log_lines)],
          [t("retention.preview_audit"), number(preview.audit_entries)],
          [t("retention.preview_rows"), bytes(preview.rows_bytes)],
        ]}
      />
      {runs.held > 0 ? <p className="text-[13px] text-soft">{tn("retention.held", runs.held)}</p> : null}
      {preview.results_kept > 0 ? (
        <p className="text-[13px] text-soft">{tn("retention.results", preview.results_kept)}</p>
      ) : null}
    </div>
  );
}

/** `terms`: those that are tried; null: those that are kept, which can be followed at once. */
export function PreviewCard({ terms }: { terms: Terms | null }) {
  const preview = useQuery({ ...previewQuery(terms), placeholderData: keepPreviousData });
  const run = useRun();
  const [isAsking, setIsAsking] = useState(false);
  return (
    <Card aria-label={t("retention.preview")}>
      <CardHeading
        aside={
          terms === null ? (
            <Button size="sm" isBusy={run.isPending} onClick={() => setIsAsking(true)}>
              {t("retention.run")}
            </Button>
          ) : null
        }
      >
        {t("retention.preview")}
      </CardHeading>
      {preview.error ? <ProblemNote error={preview.error} className="m-4" /> : null}
      {run.error ? <ProblemNote error={run.error} className="m-4" /> : null}
      {preview.data ? <Counts preview={preview.data} /> : null}
      {preview.isPending ? <Skeleton className="m-4 h-40 rounded-lg" /> : null}
      <ConfirmWindow
        isOpen={isAsking}
        onOpenChange={setIsAsking}
        heading={t("retention.run_heading")}
        body={t("retention.run_body")}
        action={t("retention.run")}
        onConfirm={() =>
          run.mutate(undefined, {
            onSuccess: ({ is_done }) => toast.success(t(is_done ? "retention.ran" : "retention.ran_on")),
          })
        }
      />
    </Card>
  );
}
