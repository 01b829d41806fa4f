/** The newest definition of a workflow as text; saving makes a new version. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { toast } from "sonner";

import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Skeleton } from "@/components/ui/skeleton";
import { useMay } from "@/lib/me";
import { asProblem } from "@/lib/problem";
import type { Definition, Workflow } from "@/lib/types";

import { useSaveDefinition, versionQuery } from "./api";
import { DefinitionEditor, parseDefinition } from "./definition-editor";
import { t } from "./messages";
import { StateBadge } from "./state-badge";

const written = (definition: unknown): string => JSON.stringify(definition, null, 2);

/** A draft is what people go on with; without one it is what runs. */
export function JsonView({ workflow }: { workflow: Workflow }) {
  const newest = workflow.draft_version ?? workflow.version;
  const draft = useQuery({ ...versionQuery(workflow.id, newest), enabled: workflow.draft_version !== null });
  if (workflow.draft_version === null) {
    return <Text workflow={workflow} number={newest} definition={workflow.definition} />;
  }
  if (draft.error) return <ProblemNote error={draft.error} />;
  if (draft.data === undefined) return <Skeleton className="h-[32rem] rounded-xl" />;
  return <Text workflow={workflow} number={newest} definition={draft.data.definition} />;
}

function Text({ workflow, number, definition }: { workflow: Workflow; number: number; definition: Definition }) {
  const mayEdit = useMay("editor");
  const save = useSaveDefinition(workflow.id);
  const original = written(definition);
  const [draft, setDraft] = useState<string | null>(null);
  const [base, setBase] = useState(number);
  const [note, setNote] = useState("");
  const text = draft ?? original;
  const isChanged = draft !== null && draft !== original;

  function change(next: string): void {
    setDraft(next);
    if (save.error) save.reset();
  }

  function submit(publish: boolean): void {
    const definition = parseDefinition(text);
    if (definition === null || save.isPending || !isChanged) return;
    save.mutate(
      // The version this was made from: nobody's work is written over unseen.
      { definition, base_version: base, note: note.trim(), publish },
      {
        onSuccess: (saved) => {
          setDraft(null);
          const kept = saved.draft_version ?? saved.version;
          setBase(kept);
          setNote("");
          toast.success(t(publish ? "workflows.saved" : "workflows.saved_draft", { number: kept }));
        },
      },
    );
  }

  if (!mayEdit) return <DefinitionEditor text={original} />;
  return (
    <div>
      <DefinitionEditor text={text} onChange={change} onSave={() => submit(true)} refusal={save.error} />
      {save.error && asProblem(save.error).complaints.length === 0 ? (
        <ProblemNote error={save.error} className="mt-4" />
      ) : null}
      <div className="mt-5 flex flex-wrap items-center gap-2">
        {isChanged ? (
          <Input
            aria-label={t("workflows.save_note")}
            placeholder={t("workflows.save_note")}
            maxLength={1000}
            value={note}
            onChange={(event) => setNote(event.target.value)}
            className="basis-full sm:basis-64"
          />
        ) : null}
        <Button variant="primary" isBusy={save.isPending} disabled={!isChanged} onClick={() => submit(true)}>
          {t("workflows.save")}
        </Button>
        <Button disabled={!isChanged || save.isPending} onClick={() => submit(false)}>
          {t("workflows.save_draft")}
        </Button>
        {isChanged ? (
          <Button variant="quiet" onClick={() => change(original)}>
            {t("workflows.revert")}
          </Button>
        ) : null}
        <span className="ml-auto flex items-center gap-2 text-[13px] text-soft">
          {isChanged ? (
            t("workflows.unsaved")
          ) : (
            <>
              {t("workflows.version", { number })} <StateBadge workflow={workflow} number={number} />
            </>
          )}
        </span>
      </div>
    </div>
  );
}
