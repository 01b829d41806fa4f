/** A webhook tried out without a sender: a body, and what became of it. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type SyntheticEvent } from "react";

import { Field } from "@/components/field";
import { FailureNote, ProblemNote } from "@/components/problem-note";
import { StatusPill } from "@/components/status";
import { Button } from "@/components/ui/button";
import { Dialog, DialogWindow } from "@/components/ui/dialog";
import { Textarea } from "@/components/ui/input";
import { Skeleton } from "@/components/ui/skeleton";
import { readInputs } from "@/lib/definition";
import type { Delivery, Webhook } from "@/lib/types";
import { workflowQuery } from "@/lib/workflow";

import { useTrial } from "./api";
import { t } from "./messages";

const SAMPLES: Record<string, unknown> = { number: 1, boolean: true, json: {}, text: "" };

/** A body with what a workflow asks for by name, to be filled in. */
function sampleBody(webhook: Webhook, definition: unknown): string {
  if (webhook.accepts === "text") return "";
  const fields = readInputs(definition).map((spec) => {
    const value = spec.default ?? SAMPLES[spec.type] ?? (spec.type.endsWith("[]") ? [] : "");
    return [spec.name, value] as const;
  });
  return JSON.stringify(webhook.inputs === null ? Object.fromEntries(fields) : {}, null, 2);
}

/** What became of a delivery that a person made. */
export function Verdict({ delivery }: { delivery: Delivery }) {
  if (delivery.error !== null) {
    return (
      <FailureNote heading={delivery.error.detail}>
        {delivery.error.complaints.length === 0 ? null : (
          <ul className="mt-1.5 list-disc space-y-0.5 pl-4 text-soft">
            {delivery.error.complaints.map((one) => (
              <li key={`${one.field ?? ""}${one.message}`}>{one.message}</li>
            ))}
          </ul>
        )}
      </FailureNote>
    );
  }
  return (
    <p role="status" className="flex items-center gap-2.5 text-[13px]">
      {t("trial.accepted")}
      {delivery.instance_id === null ? null : (
        <Link
          to="/instances/$instanceId"
          params={{ instanceId: delivery.instance_id }}
          aria-label={t("webhooks.see_instance")}
          className="rounded-full"
        >
          <StatusPill status={delivery.instance_status ?? "pending"} />
        </Link>
      )}
    </p>
  );
}

function Form({ webhook, definition }: { webhook: Webhook; definition: unknown }) {
  const trial = useTrial(webhook.id);
  const [text, setText] = useState(() => sampleBody(webhook, definition));
  const [isBroken, setBroken] = useState(false);

  function submit(event: SyntheticEvent): void {
    event.preventDefault();
    if (trial.isPending) return;
    let body: unknown = text;
    if (webhook.accepts !== "text") {
      try {
        body = text.trim() === "" ? null : (JSON.parse(text) as unknown);
      } catch {
        setBroken(true);
        return;
      }
    }
    trial.mutate(body);
  }

  return (
    <form onSubmit={submit} noValidate className="flex min-h-0 flex-col">
      <div className="min-h-0 space-y-4 overflow-y-auto px-5 pb-5">
        <Field
          label={t("trial.body")}
          hint={webhook.accepts === "text" ? t("trial.body_text") : t("trial.body_json")}
          complaints={isBroken ? [t("trial.not_json")] : []}
        >
          {(control) => (
            <Textarea
              {...control}
              rows={8}
              spellCheck={false}
              className="font-mono text-[13px]"
              value={text}
              onChange={(event) => {
                setText(event.target.value);
                setBroken(false);
              }}
            />
          )}
        </Field>
        {trial.error ? <ProblemNote error={trial.error} /> : null}
        {trial.data ? <Verdict delivery={trial.data} /> : null}
      </div>
      <footer className="flex justify-end border-t border-border px-5 py-3">
        <Button type="submit" variant="primary" isBusy={trial.isPending}>
          {t("trial.deliver")}
        </Button>
      </footer>
    </form>
  );
}

type WindowProps = { webhook: Webhook; isOpen: boolean; onOpenChange: (isOpen: boolean) => void };

function Loaded({ webhook }: { webhook: Webhook }) {
  const workflow = useQuery(workflowQuery(webhook.workflow_id));
  if (workflow.error) return <ProblemNote error={workflow.error} className="m-5" />;
  if (workflow.isPending) return <Skeleton className="m-5 h-60 rounded-xl" />;
  return <Form webhook={webhook} definition={workflow.data.definition} />;
}

export function TrialWindow({ webhook, isOpen, onOpenChange }: WindowProps) {
  return (
    <Dialog open={isOpen} onOpenChange={onOpenChange}>
      <DialogWindow heading={t("trial.of", { name: webhook.name })} description={t("trial.description")}>
        <Loaded webhook={webhook} />
      </DialogWindow>
    </Dialog>
  );
}
