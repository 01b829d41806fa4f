/** A new workflow from its JSON: written here, pasted, or dropped as a file. */
import { Upload } from "lucide-react";
import { useRef, useState } from "react";

import { DropZone } from "@/components/drop-zone";
import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { asProblem } from "@/lib/problem";
import type { Definition } from "@/lib/types";

import { useCreateWorkflow } from "./api";
import { DefinitionEditor, parseDefinition } from "./definition-editor";
import { useArrival } from "./import-file";
import { FunctionsWindow } from "./functions-window";
import { t } from "./messages";

/** A definition that runs as it is, so that the first thing a newcomer saves is not refused. */
const START = {
  schema: 1,
  name: "Contact sheet",
  inputs: { photos: { type: "image[]", label: "Photos", min: 1 } },
  nodes: [{ id: "sheet", type: "image.contact_sheet", with: { images: "{{ inputs.photos }}" } }],
  outputs: { sheet: "{{ steps.sheet.outputs.image }}" },
};

function nameOf(definition: Definition): string {
  const name = definition["name"];
  return typeof name === "string" && name.trim() !== "" ? name.trim() : t("workflows.untitled");
}

export function NewWorkflow({ onCreated }: { onCreated: (id: string) => void }) {
  const [text, setText] = useState(() => JSON.stringify(START, null, 2));
  const create = useCreateWorkflow();
  const arrival = useArrival(onCreated);
  const picker = useRef<HTMLInputElement>(null);
  const definition = parseDefinition(text);

  function change(next: string): void {
    setText(next);
    if (create.error) create.reset();
  }

  function save(): void {
    if (definition === null || create.isPending) return;
    create.mutate({ name: nameOf(definition), definition }, { onSuccess: (workflow) => onCreated(workflow.id) });
  }

  async function read(file: File | undefined): Promise<void> {
    if (file === undefined) return;
    const written = await file.text();
    // An exported workflow is more than its definition: it brings along what it runs.
    if (parseDefinition(written)?.["format"] === undefined) change(written);
    else arrival.take(file);
  }

  return (
    <DropZone onFiles={(files) => void read(files[0])}>
      {arrival.window}
      <DefinitionEditor text={text} onChange={change} onSave={save} refusal={create.error} />
      {create.error && asProblem(create.error).complaints.length === 0 ? (
        <ProblemNote error={create.error} className="mt-4" />
      ) : null}
      <div className="mt-5 flex flex-wrap items-center gap-2">
        <Button variant="primary" isBusy={create.isPending} disabled={definition === null} onClick={save}>
          {t("workflows.create")}
        </Button>
        <Button onClick={() => picker.current?.click()}>
          <Upload aria-hidden /> {t("workflows.open_file")}
        </Button>
        <FunctionsWindow />
        <input
          ref={picker}
          type="file"
          accept="application/json,.json"
          className="hidden"
          aria-label={t("workflows.open_file")}
          onChange={(event) => void read(event.target.files?.[0])}
        />
      </div>
    </DropZone>
  );
}
