/** All workflows of the organization, newest first, each one click away from running. */
import { useSuspenseInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Download, Ellipsis, FileJson, Plus, Trash2, Workflow as WorkflowIcon } from "lucide-react";
import { useState, type ReactNode } from "react";
import { toast } from "sonner";

import { LoadMore } from "@/components/load-more";
import { Empty } from "@/components/page";
import { Ago } from "@/components/time";
import { Button } from "@/components/ui/button";
import { ConfirmWindow } from "@/components/ui/dialog";
import { Menu, MenuItem, MenuTrigger, MenuWindow } from "@/components/ui/menu";
import { useMay } from "@/lib/me";
import { itemsOf } from "@/lib/paging";
import { asProblem } from "@/lib/problem";
import type { WorkflowSummary } from "@/lib/types";

import { useDeleteWorkflow, useExportWorkflow, workflowsQuery } from "./api";
import { t } from "./messages";
import { StateBadge } from "./state-badge";

function RowMenu({ workflow }: { workflow: WorkflowSummary }) {
  const remove = useDeleteWorkflow();
  const download = useExportWorkflow(workflow.id);
  const [isAsking, setAsking] = useState(false);
  return (
    <>
      <Menu>
        <MenuTrigger asChild>
          <Button
            variant="quiet"
            size="icon-sm"
            aria-label={t("workflows.more", { name: workflow.name })}
            isBusy={remove.isPending}
          >
            {remove.isPending ? null : <Ellipsis aria-hidden />}
          </Button>
        </MenuTrigger>
        <MenuWindow align="end">
          <MenuItem asChild>
            <Link to="/workflows/$workflowId" params={{ workflowId: workflow.id }} search={{ tab: "json" }}>
              <FileJson aria-hidden /> {t("workflows.edit_json")}
            </Link>
          </MenuItem>
          <MenuItem
            onSelect={() => download.mutate(null, { onError: (error) => toast.error(asProblem(error).message) })}
          >
            <Download aria-hidden /> {t("workflows.export")}
          </MenuItem>
          <MenuItem danger onSelect={() => setAsking(true)}>
            <Trash2 aria-hidden /> {t("workflows.delete")}
          </MenuItem>
        </MenuWindow>
      </Menu>
      <ConfirmWindow
        isOpen={isAsking}
        onOpenChange={setAsking}
        heading={t("workflows.delete_heading", { name: workflow.name })}
        body={t("workflows.delete_body")}
        action={t("workflows.delete")}
        onConfirm={() =>
          remove.mutate(workflow.id, {
            onSuccess: () => toast.success(t("workflows.deleted", { name: workflow.name })),
            onError: (error) => toast.error(asProblem(error).message),
          })
        }
      />
    </>
  );
}

type ListProps = { renderRun: (workflow: WorkflowSummary) => ReactNode };

export function WorkflowList({ renderRun }: ListProps) {
  const list = useSuspenseInfiniteQuery(workflowsQuery);
  const mayEdit = useMay("editor");
  const workflows = itemsOf(list.data);
  if (workflows.length === 0) {
    return (
      <Empty
        icon={WorkflowIcon}
        heading={t("workflows.empty")}
        body={mayEdit ? t("workflows.empty_body") : t("workflows.empty_viewer")}
        action={
          mayEdit ? (
            <Button asChild variant="primary">
              <Link to="/workflows/new">
                <Plus aria-hidden /> {t("workflows.new")}
              </Link>
            </Button>
          ) : undefined
        }
      />
    );
  }
  return (
    <>
      <ul
        aria-label={t("workflows.heading")}
        className="divide-y divide-border overflow-hidden rounded-xl border border-border bg-surface shadow-card"
      >
        {workflows.map((workflow) => (
          <li
            key={workflow.id}
            className="relative flex items-center gap-3 px-4 py-3 transition-colors hover:bg-sunken/60 sm:gap-4"
          >
            <div className="grid size-9 shrink-0 place-items-center rounded-lg bg-accent-soft text-accent max-sm:hidden">
              <WorkflowIcon className="size-4.5" aria-hidden />
            </div>
            <div className="min-w-0 flex-1">
              <div className="flex items-center gap-2">
                <Link
                  to="/workflows/$workflowId"
                  params={{ workflowId: workflow.id }}
                  className="truncate font-medium after:absolute after:inset-0"
                >
                  {workflow.name}
                </Link>
                {workflow.draft_version === null ? null : (
                  <StateBadge workflow={workflow} number={workflow.draft_version} />
                )}
                {workflow.is_sample ? (
                  <span className="shrink-0 rounded-full bg-accent-soft px-2 py-px text-[11px] font-medium text-accent">
                    {t("workflows.sample")}
                  </span>
                ) : null}
              </div>
              <p className="truncate text-[13px] text-soft">
                {workflow.description === ""
                  ? t("workflows.version", { number: workflow.version })
                  : workflow.description}
              </p>
            </div>
            <Ago time={workflow.updated_at} className="w-24 shrink-0 text-right text-[13px] text-soft max-md:hidden" />
            <div className="relative flex items-center gap-1.5">
              {renderRun(workflow)}
              {mayEdit ? <RowMenu workflow={workflow} /> : null}
            </div>
          </li>
        ))}
      </ul>
      <LoadMore list={list} />
    </>
  );
}
