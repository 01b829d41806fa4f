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
import { FunctionsWindow } from "./functions-window";
import { t } from "./messages";
import { StateBadge } from "./state-badge";

const written = (definition: unknown): string => JSON.stringify(definition, null, 2);

type Shown = { number: number; definition: Definition };

/** A draft is what people go on with; without one it is what runs. */
function useNewest(workflow: Workflow): { shown: Shown | null; error: Error | null } {
  const number = workflow.draft_version ?? workflow.version;
  const draft = useQuery({ ...versionQuery(workflow.id, number), enabled: workflow.draft_version !== null });
  const definition = workflow.draft_version === null ? workflow.definition : draft.data?.definition;
  // While another version is on its way the last one stays, and with it the editor and what is written in it.
  const [shown, setShown] = useState<Shown | null>(definition === undefined ? null : { number, definition });
  if (definition !== undefined && (shown?.number !== number || shown.definition !== definition)) {
    setShown({ number, definition });
  }
  return { shown, error: draft.error };
}

export function JsonView({ workflow }: { workflow: Workflow }) {
  const { shown, error } = useNewest(workflow);
  if (shown !== null) return <Text workflow={workflow} number={shown.number} definition={shown.definition} />;
  return error === null ? <Skeleton className="h-[32rem] rounded-xl" /> : <ProblemNote error={error} />;
}

/** What somebody writes, and the version it was made from: nobody's work is written over unseen. */
type Draft = { text: string; base: number; savedAs: number | null };

function Text({ workflow, number, definition }: { workflow: Workflow; number: number; definition: Definition }) {
  const mayEdit = useMay("editor");
  const save = useSaveDefinition(workflow.id);
  const original = written(definition);
  const [draft, setDraft] = useState<Draft | null>(null);
  const [note, setNote] = useState("");
  if (draft !== null && draft.savedAs !== null && number >= draft.savedAs) setDraft(null);
  const text = draft?.text ?? original;
  const isChanged = draft !== null && draft.savedAs === null && draft.text !== original;

  function change(next: string): void {
    setDraft({ text: next, base: draft?.savedAs ?? draft?.base ?? number, savedAs: null });
    if (save.error) save.reset();
  }

  function submit(publish: boolean): void {
    const definition = parseDefinition(text);
    if (definition === null || draft === null || save.isPending || !isChanged) return;
    save.mutate(
      { definition, base_version: draft.base, note: note.trim(), publish },
      {
        onSuccess: (saved) => {
          const kept = saved.draft_version ?? saved.version;
          // What was written while it was being saved goes on from there.
          setDraft((now) => (now === null || now.text === text ? { ...draft, savedAs: kept } : { ...now, base: kept }));
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
          <Button variant="quiet" onClick={() => setDraft(null)}>
            {t("workflows.revert")}
          </Button>
        ) : null}
        <FunctionsWindow />
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
