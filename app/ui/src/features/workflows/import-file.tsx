/** A workflow that comes as a file: dropped on the list, or picked with the button. */
import { Upload } from "lucide-react";
import { useRef, useState, type ReactNode } from "react";
import { toast } from "sonner";

import { DropZone } from "@/components/drop-zone";
import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Dialog, DialogWindow } from "@/components/ui/dialog";
import { asProblem } from "@/lib/problem";
import type { components } from "@/lib/api.gen";

import { useImportWorkflow } from "./api";
import { t, tn } from "./messages";

type Imported = components["schemas"]["ImportedWorkflow"];

export type Arrival = {
  take: (file: File | undefined) => void;
  isBusy: boolean;
  /** Tells why a file was refused, or what to know about one that is here. */
  window: ReactNode;
};

function told(imported: Imported): string {
  const brought = imported.brought.length;
  return [t("import.done", { name: imported.name }), brought > 0 ? tn("import.brought", brought) : ""].join(" ").trim();
}

type Outcome = { error: unknown } | { imported: Imported };

/** What becomes of the files; the caller puts the window into the page and the zone around the list. */
export function useArrival(onImported: (id: string) => void): Arrival {
  const arrival = useImportWorkflow();
  // Kept while the window fades, so that it does not change its words on the way out.
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [isOpen, setOpen] = useState(false);

  function tell(next: Outcome): void {
    setOutcome(next);
    setOpen(true);
  }

  function take(file: File | undefined): void {
    if (file === undefined || arrival.isPending) return;
    arrival.mutate(file, {
      onError: (error) => tell({ error }),
      onSuccess: (imported) => {
        if (imported.remarks.length > 0) {
          tell({ imported });
        } else {
          toast.success(told(imported));
          onImported(imported.id);
        }
      },
    });
  }

  function close(): void {
    setOpen(false);
    if (outcome !== null && "imported" in outcome) onImported(outcome.imported.id);
  }

  const isRefused = outcome !== null && "error" in outcome;
  return {
    take,
    isBusy: arrival.isPending,
    window: (
      <Dialog open={isOpen} onOpenChange={(open) => (open ? undefined : close())}>
        <DialogWindow heading={isRefused ? t("import.refused") : t("workflows.import")}>
          <div className="min-h-0 overflow-y-auto px-5 pb-5">
            {outcome === null ? null : "error" in outcome ? (
              <ProblemNote error={asProblem(outcome.error)} />
            ) : (
              <Remarks imported={outcome.imported} />
            )}
          </div>
        </DialogWindow>
      </Dialog>
    ),
  };
}

function Remarks({ imported }: { imported: Imported }) {
  return (
    <>
      <p>{t("import.remarks", { name: imported.name })}</p>
      <ul className="mt-1.5 list-disc space-y-0.5 pl-4 text-soft">
        {imported.remarks.map((remark, index) => (
          <li key={index}>{[remark.node, remark.message].filter(Boolean).join(": ")}</li>
        ))}
      </ul>
    </>
  );
}

export function ImportButton({ arrival }: { arrival: Arrival }) {
  const picker = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button isBusy={arrival.isBusy} onClick={() => picker.current?.click()}>
        {arrival.isBusy ? null : <Upload aria-hidden />} {t("workflows.import")}
      </Button>
      <input
        ref={picker}
        type="file"
        accept="application/json,.json"
        className="hidden"
        aria-label={t("workflows.import")}
        onChange={(event) => {
          arrival.take(event.target.files?.[0]);
          event.target.value = ""; // the same file again is a choice too
        }}
      />
    </>
  );
}

export function ImportZone({ arrival, children }: { arrival: Arrival; children: ReactNode }) {
  return (
    <DropZone
      onFiles={(files) => arrival.take(files[0])}
      className="rounded-xl"
      overClassName="outline-2 outline-offset-4 outline-dashed outline-accent"
    >
      {children}
      {arrival.window}
    </DropZone>
  );
}
