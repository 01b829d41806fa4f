/** Asks before a version becomes the one that runs, with room for a few words. */
import { useState } from "react";
import { toast } from "sonner";

import { Field } from "@/components/field";
import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Dialog, DialogWindow } from "@/components/ui/dialog";
import { Input } from "@/components/ui/input";

import { usePublishVersion } from "./api";
import { t } from "./messages";

type PublishProps = { workflowId: string; number: number; isOpen: boolean; onOpenChange: (isOpen: boolean) => void };

export function PublishWindow({ workflowId, number, isOpen, onOpenChange }: PublishProps) {
  const publish = usePublishVersion(workflowId);
  const [note, setNote] = useState("");

  function confirm(): void {
    if (publish.isPending) return;
    publish.mutate(
      { number, note: note.trim() },
      {
        onSuccess: () => {
          onOpenChange(false);
          setNote("");
          toast.success(t("version.is_published", { number }));
        },
      },
    );
  }

  return (
    <Dialog open={isOpen} onOpenChange={onOpenChange}>
      <DialogWindow heading={t("version.publish_heading", { number })} description={t("version.publish_body")}>
        <form
          className="px-5 pb-5"
          onSubmit={(event) => {
            event.preventDefault();
            confirm();
          }}
        >
          <Field label={t("version.publish_note")} isOptional>
            {(control) => (
              <Input {...control} value={note} maxLength={1000} onChange={(event) => setNote(event.target.value)} />
            )}
          </Field>
          {publish.error ? <ProblemNote error={publish.error} className="mt-4" /> : null}
          <div className="mt-5 flex justify-end gap-2">
            <Button onClick={() => onOpenChange(false)}>{t("common.keep")}</Button>
            <Button type="submit" variant="primary" isBusy={publish.isPending}>
              {t("version.publish")}
            </Button>
          </div>
        </form>
      </DialogWindow>
    </Dialog>
  );
}
