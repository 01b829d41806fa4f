/** Two versions side by side in words: pick both, see what changed from one to the other. */
import { useQuery } from "@tanstack/react-query";
import { useId, useState, type ReactNode } from "react";

import { ProblemNote } from "@/components/problem-note";
import { Dialog, DialogTrigger, DialogWindow } from "@/components/ui/dialog";
import { Select } from "@/components/ui/input";
import { Skeleton } from "@/components/ui/skeleton";
import type { Workflow } from "@/lib/types";

import { differenceQuery } from "./api";
import { DifferenceView } from "./difference-view";
import { t } from "./messages";

function Pick({
  label,
  value,
  workflow,
  onPick,
}: {
  label: string;
  value: number;
  workflow: Workflow;
  onPick: (number: number) => void;
}) {
  const id = useId();
  const newest = workflow.draft_version ?? workflow.version;
  return (
    <div className="flex items-center gap-2">
      <label htmlFor={id} className="text-[13px] text-soft">
        {label}
      </label>
      <Select id={id} value={value} onChange={(event) => onPick(Number(event.target.value))} className="w-52">
        {Array.from({ length: newest }, (_, index) => newest - index).map((number) => (
          <option key={number} value={number}>
            {t("workflows.version", { number })}
            {number === workflow.version ? ` · ${t("workflows.published")}` : ""}
            {number === workflow.draft_version ? ` · ${t("workflows.draft")}` : ""}
          </option>
        ))}
      </Select>
    </div>
  );
}

function Compared({ workflowId, from, to }: { workflowId: string; from: number; to: number }) {
  const difference = useQuery({ ...differenceQuery(workflowId, from, to), enabled: from !== to });
  if (from === to) return <p className="text-soft">{t("compare.same")}</p>;
  if (difference.error) return <ProblemNote error={difference.error} />;
  if (difference.data === undefined) return <Skeleton className="h-40 rounded-lg" />;
  return <DifferenceView difference={difference.data} />;
}

type CompareProps = { workflow: Workflow; from: number; to: number; children: ReactNode };

/** `children` is the button that opens it. */
export function CompareWindow({ workflow, from, to, children }: CompareProps) {
  const [sides, setSides] = useState<{ from: number; to: number } | null>(null);
  return (
    <Dialog open={sides !== null} onOpenChange={(isOpen) => setSides(isOpen ? { from, to } : null)}>
      <DialogTrigger asChild>{children}</DialogTrigger>
      <DialogWindow heading={t("compare.heading")} className="sm:w-[min(94vw,50rem)]">
        {sides === null ? null : (
          <>
            <div className="flex flex-wrap gap-x-5 gap-y-2 border-b border-border px-5 pb-3.5">
              <Pick
                label={t("compare.from")}
                value={sides.from}
                workflow={workflow}
                onPick={(number) => setSides({ ...sides, from: number })}
              />
              <Pick
                label={t("compare.to")}
                value={sides.to}
                workflow={workflow}
                onPick={(number) => setSides({ ...sides, to: number })}
              />
            </div>
            <div className="min-h-48 overflow-y-auto px-5 py-4">
              <Compared workflowId={workflow.id} from={sides.from} to={sides.to} />
            </div>
          </>
        )}
      </DialogWindow>
    </Dialog>
  );
}
