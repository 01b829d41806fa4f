/** Every version that was ever saved, which of them runs, and the ways from one to another. */
import { useQuery, useSuspenseInfiniteQuery } from "@tanstack/react-query";
import { Download, Ellipsis, GitCompareArrows, History, Rocket } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { toast } from "sonner";

import { LoadMore } from "@/components/load-more";
import { ProblemNote } from "@/components/problem-note";
import { Ago } from "@/components/time";
import { Button } from "@/components/ui/button";
import { Dialog, DialogTrigger, DialogWindow } from "@/components/ui/dialog";
import { Menu, MenuItem, MenuTrigger, MenuWindow } from "@/components/ui/menu";
import { Skeleton } from "@/components/ui/skeleton";
import { useMay } from "@/lib/me";
import { asProblem } from "@/lib/problem";
import type { VersionSummary, Workflow } from "@/lib/types";

import { useExportWorkflow, useRestoreVersion, versionQuery, versionsQuery } from "./api";
import { CompareWindow } from "./compare-window";
import { t } from "./messages";
import { PublishWindow } from "./publish-window";
import { StateBadge } from "./state-badge";

const JsonEditor = lazy(() => import("@/components/editor/json-editor"));

function Document({ workflowId, number, label }: { workflowId: string; number: number; label: string }) {
  const version = useQuery(versionQuery(workflowId, number));
  if (version.error) return <ProblemNote error={version.error} />;
  if (version.isPending) return <Skeleton className="h-[60dvh] rounded-xl" />;
  return (
    <Suspense fallback={<Skeleton className="h-[60dvh] rounded-xl" />}>
      <JsonEditor
        text={JSON.stringify(version.data.definition, null, 2)}
        label={label}
        isReadOnly
        className="h-[60dvh]"
      />
    </Suspense>
  );
}

function VersionWindow({ workflowId, version }: { workflowId: string; version: VersionSummary }) {
  const [isOpen, setOpen] = useState(false);
  const title = t("workflows.version", { number: version.number });
  return (
    <Dialog open={isOpen} onOpenChange={setOpen}>
      <DialogTrigger asChild>
        <Button size="sm" aria-label={t("workflows.show_version", { number: version.number })}>
          {t("common.show")}
        </Button>
      </DialogTrigger>
      <DialogWindow heading={title} className="sm:w-[min(92vw,46rem)]">
        <div className="min-h-0 px-5 pb-5">
          <Document workflowId={workflowId} number={version.number} label={title} />
        </div>
      </DialogWindow>
    </Dialog>
  );
}

function VersionMenu({ workflow, number }: { workflow: Workflow; number: number }) {
  const mayEdit = useMay("editor");
  const restore = useRestoreVersion(workflow.id);
  const download = useExportWorkflow(workflow.id);
  const [isPublishing, setPublishing] = useState(false);
  const isBusy = restore.isPending || download.isPending;
  const newest = workflow.draft_version ?? workflow.version;

  const failed = (error: unknown): unknown => toast.error(asProblem(error).message);

  function bringBack(): void {
    restore.mutate(number, {
      onSuccess: (saved) => {
        const kept = saved.draft_version ?? saved.version;
        if (kept === newest) toast.info(t("version.restored_same", { old: number }));
        else toast.success(t("version.restored", { old: number, new: kept }));
      },
      onError: failed,
    });
  }

  return (
    <>
      <Menu>
        <MenuTrigger asChild>
          <Button variant="quiet" size="icon-sm" aria-label={t("version.more", { number })} isBusy={isBusy}>
            {isBusy ? null : <Ellipsis aria-hidden />}
          </Button>
        </MenuTrigger>
        <MenuWindow align="end">
          {mayEdit && number !== workflow.version ? (
            <MenuItem onSelect={() => setPublishing(true)}>
              <Rocket aria-hidden /> {t("version.publish")}
            </MenuItem>
          ) : null}
          {mayEdit && number !== newest ? (
            <MenuItem onSelect={bringBack}>
              <History aria-hidden /> {t("version.restore")}
            </MenuItem>
          ) : null}
          <MenuItem onSelect={() => download.mutate(number, { onError: failed })}>
            <Download aria-hidden /> {t("workflows.export")}
          </MenuItem>
        </MenuWindow>
      </Menu>
      <PublishWindow workflowId={workflow.id} number={number} isOpen={isPublishing} onOpenChange={setPublishing} />
    </>
  );
}

/** The draft stands out: it is what somebody works on, and nobody runs it yet. */
function DraftNote({ workflow, draft }: { workflow: Workflow; draft: number }) {
  const mayEdit = useMay("editor");
  const [isPublishing, setPublishing] = useState(false);
  return (
    <div className="mb-3 flex flex-wrap items-center gap-x-3 gap-y-2 rounded-xl border border-waiting/30 bg-waiting-soft px-4 py-2.5">
      <p className="min-w-0 flex-1 basis-64">{t("workflows.draft_waits", { draft, published: workflow.version })}</p>
      <CompareWindow workflow={workflow} from={workflow.version} to={draft}>
        <Button size="sm">
          <GitCompareArrows aria-hidden /> {t("version.compare")}
        </Button>
      </CompareWindow>
      {mayEdit ? (
        <Button size="sm" variant="primary" onClick={() => setPublishing(true)}>
          {t("version.publish_named", { number: draft })}
        </Button>
      ) : null}
      <PublishWindow workflowId={workflow.id} number={draft} isOpen={isPublishing} onOpenChange={setPublishing} />
    </div>
  );
}

function Row({ workflow, version }: { workflow: Workflow; version: VersionSummary }) {
  const { number, note, publication } = version;
  // What people ask: how does this differ from what runs, and for what runs, from what ran before.
  const from = number === workflow.version ? number - 1 : workflow.version;
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1.5 px-4 py-2.5">
      <span className="w-8 font-mono text-[13px] tabular-nums">{number}</span>
      <StateBadge workflow={workflow} number={number} />
      <div className="min-w-0 flex-1 basis-40">
        <p className="truncate text-soft">{note}</p>
        {publication !== null && publication.note !== "" ? (
          <p className="truncate text-xs text-faint">{t("version.published_with", { note: publication.note })}</p>
        ) : null}
      </div>
      <Ago time={version.created_at} className="text-[13px] text-soft" />
      <div className="flex items-center gap-1.5">
        {from >= 1 ? (
          <CompareWindow workflow={workflow} from={Math.min(from, number)} to={Math.max(from, number)}>
            <Button size="sm" aria-label={t("version.compare_named", { number })}>
              {t("version.compare")}
            </Button>
          </CompareWindow>
        ) : null}
        <VersionWindow workflowId={workflow.id} version={version} />
        <VersionMenu workflow={workflow} number={number} />
      </div>
    </li>
  );
}

export function VersionList({ workflow }: { workflow: Workflow }) {
  const list = useSuspenseInfiniteQuery(versionsQuery(workflow.id));
  return (
    <>
      {workflow.draft_version === null ? null : <DraftNote workflow={workflow} draft={workflow.draft_version} />}
      <ul
        aria-label={t("workflows.versions")}
        className="divide-y divide-border overflow-hidden rounded-xl border border-border bg-surface shadow-card"
      >
        {list.data.pages
          .flatMap((page) => page.items)
          .map((version) => (
            <Row key={version.id} workflow={workflow} version={version} />
          ))}
      </ul>
      <LoadMore list={list} />
    </>
  );
}
