/** The definition of a workflow as text; saving makes a new version. */
import { useState } from "react";
import { toast } from "sonner";

import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { useMay } from "@/lib/me";
import { asProblem } from "@/lib/problem";
import type { Workflow } from "@/lib/types";

import { useSaveDefinition } from "./api";
import { DefinitionEditor, parseDefinition } from "./definition-editor";
import { t } from "./messages";

const written = (definition: unknown): string => JSON.stringify(definition, null, 2);

export function JsonView({ workflow }: { workflow: Workflow }) {
  const mayEdit = useMay("editor");
  const save = useSaveDefinition(workflow.id);
  const original = written(workflow.definition);
  const [draft, setDraft] = useState<string | null>(null);
  const [base, setBase] = useState(workflow.version);
  const text = draft ?? original;
  const isChanged = draft !== null && draft !== original;

  function change(next: string): void {
    setDraft(next);
    if (save.error) save.reset();
  }

  function submit(): void {
    const definition = parseDefinition(text);
    if (definition === null || save.isPending || !isChanged) return;
    save.mutate(
      // The version this was made from: nobody's work is written over unseen.
      { definition, base_version: base },
      {
        onSuccess: (saved) => {
          setDraft(null);
          setBase(saved.version);
          toast.success(t("workflows.saved", { number: saved.version }));
        },
      },
    );
  }

  if (!mayEdit) return <DefinitionEditor text={original} />;
  return (
    <div>
      <DefinitionEditor text={text} onChange={change} onSave={submit} refusal={save.error} />
      {save.error && asProblem(save.error).complaints.length === 0 ? (
        <ProblemNote error={save.error} className="mt-4" />
      ) : null}
      <div className="mt-5 flex items-center gap-2">
        <Button variant="primary" isBusy={save.isPending} disabled={!isChanged} onClick={submit}>
          {t("workflows.save")}
        </Button>
        {isChanged ? <Button onClick={() => change(original)}>{t("workflows.revert")}</Button> : null}
        <span className="ml-auto text-[13px] text-soft">
          {isChanged ? t("workflows.unsaved") : t("workflows.version", { number: workflow.version })}
        </span>
      </div>
    </div>
  );
}
