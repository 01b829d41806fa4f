/** Whether a version is the one that runs, or a draft; the others say nothing. */
import { cn } from "@/lib/cn";
import type { WorkflowSummary } from "@/lib/types";

import { t } from "./messages";

const LOOK = "shrink-0 rounded-full px-2 py-px text-[11px] font-medium";

type BadgeProps = { workflow: Pick<WorkflowSummary, "version" | "draft_version">; number: number };

export function StateBadge({ workflow, number }: BadgeProps) {
  if (number === workflow.version) {
    return <span className={cn(LOOK, "bg-completed-soft text-completed")}>{t("workflows.published")}</span>;
  }
  if (number === workflow.draft_version) {
    return <span className={cn(LOOK, "bg-waiting-soft text-waiting")}>{t("workflows.draft")}</span>;
  }
  return null;
}
