/** A webhook to be made or changed: who may call, with what, and what becomes of it. */
import { useQuery } from "@tanstack/react-query";
import { useRef, useState, type SyntheticEvent } from "react";
import { toast } from "sonner";

import { Complaints } from "@/components/field";
import { ChoiceField, NumberField, TextField } from "@/components/fields";
import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Dialog, DialogWindow } from "@/components/ui/dialog";
import { Skeleton } from "@/components/ui/skeleton";
import { readInputs } from "@/lib/definition";
import { useFirstComplaint } from "@/lib/first-complaint";
import { asProblem } from "@/lib/problem";
import type { Webhook, WebhookShown, Workflow } from "@/lib/types";
import { workflowQuery } from "@/lib/workflow";

import { useSaveWebhook, type WebhookWish } from "./api";
import { freshAuth, keepsSecret, needsSecret } from "./auth";
import { AuthField } from "./auth-field";
import { toInputs, toTexts } from "./mapping";
import { MappingField } from "./mapping-field";
import { t } from "./messages";

const METHODS = ["POST", "PUT", "PATCH", "GET", "DELETE"] as const;
const ACCEPTS = ["json", "form", "text", "file"] as const;
const ANSWERS = ["at_once", "when_done"] as const;

const FRESH: Omit<WebhookWish, "name"> = {
  auth: freshAuth("header"),
  methods: ["POST"],
  accepts: "json",
  inputs: null,
  answer: "at_once",
  wait_s: 30,
  delivery_header: null,
  max_per_minute: 600,
};

/** What a saved webhook says, without what only the server knows. */
function wishOf(webhook: Webhook): WebhookWish {
  const { name, auth, methods, accepts, inputs, answer, wait_s, delivery_header, max_per_minute } = webhook;
  return { name, auth, methods, accepts, inputs, answer, wait_s, delivery_header, max_per_minute };
}

function Methods({
  chosen,
  onChange,
}: {
  chosen: Webhook["methods"];
  onChange: (methods: Webhook["methods"]) => void;
}) {
  return (
    <fieldset>
      <legend className="mb-1.5 text-[13px] font-medium">{t("takes.methods")}</legend>
      <div className="flex min-h-9 flex-wrap items-center gap-x-4 gap-y-2">
        {METHODS.map((method) => (
          <label key={method} className="flex items-center gap-2 text-[13px]">
            <input
              type="checkbox"
              className="size-4 accent-accent"
              checked={chosen.includes(method)}
              onChange={(event) =>
                onChange(METHODS.filter((one) => (one === method ? event.target.checked : chosen.includes(one))))
              }
            />
            {method}
          </label>
        ))}
      </div>
      <Complaints list={chosen.length === 0 ? [t("takes.no_methods")] : []} />
    </fieldset>
  );
}

type FormProps = {
  workflow: Workflow;
  webhook: Webhook | null;
  onDone: (shown: WebhookShown | null) => void;
};

function Form({ workflow, webhook, onDone }: FormProps) {
  const specs = readInputs(workflow.definition);
  const save = useSaveWebhook(workflow.id, webhook);
  const form = useRef<HTMLFormElement>(null);
  const [wish, setWish] = useState<WebhookWish>(() => (webhook ? wishOf(webhook) : { ...FRESH, name: workflow.name }));
  const [secret, setSecret] = useState("");
  useFirstComplaint(form, save.error, 0);
  const [mapping, setMapping] = useState(() => toTexts(wish.inputs));

  const refused = save.error ? asProblem(save.error).complaints : [];
  const complaintsOf = (field: string): string[] =>
    refused.filter((entry) => entry.field === field).map((entry) => entry.message);
  const isPlaced =
    refused.length > 0 &&
    refused.every(({ field }) => /^(auth\.|secret$|inputs\.)/.test(field ?? "") && mapping !== null);

  function change(part: Partial<WebhookWish>): void {
    setWish((before) => ({ ...before, ...part }));
    if (save.error) save.reset();
  }

  function submit(event: SyntheticEvent): void {
    event.preventDefault();
    if (save.isPending || wish.methods.length === 0) return;
    const given = needsSecret(wish.auth) && secret !== "" ? { secret } : {};
    save.mutate(
      { ...wish, name: wish.name.trim(), inputs: toInputs(mapping), ...given },
      {
        onSuccess: (shown) => {
          toast.success(t("webhooks.saved", { name: shown.name }));
          onDone(shown);
        },
      },
    );
  }

  return (
    <form ref={form} onSubmit={submit} noValidate aria-label={t("webhooks.form")} className="flex min-h-0 flex-col">
      <div className="min-h-0 space-y-5 overflow-y-auto px-5 pb-5">
        <TextField
          label={t("webhooks.name")}
          maxLength={200}
          value={wish.name}
          onChange={(text) => change({ name: text })}
        />
        <AuthField
          auth={wish.auth}
          secret={secret}
          hasSecret={keepsSecret(webhook?.auth ?? null, wish.auth)}
          complaintsOf={complaintsOf}
          onChange={(auth) => change({ auth })}
          onSecret={(text) => {
            setSecret(text);
            if (save.error) save.reset();
          }}
        />
        <div className="grid gap-4 border-t border-border pt-5 sm:grid-cols-[1fr_10rem]">
          <Methods chosen={wish.methods} onChange={(methods) => change({ methods })} />
          <ChoiceField
            label={t("takes.label")}
            value={wish.accepts}
            choices={ACCEPTS}
            nameOf={(kind) => t(`takes.${kind}`)}
            onChange={(chosen) => change({ accepts: chosen })}
          />
        </div>
        <MappingField
          specs={specs}
          mapping={mapping}
          complaintsOf={complaintsOf}
          onChange={(next) => {
            setMapping(next);
            if (save.error) save.reset();
          }}
        />
        <div className="grid gap-4 border-t border-border pt-5 sm:grid-cols-[1fr_10rem]">
          <ChoiceField
            label={t("takes.answer")}
            value={wish.answer}
            choices={ANSWERS}
            nameOf={(answer) => t(`takes.${answer}`)}
            onChange={(chosen) => change({ answer: chosen })}
          />
          {wish.answer === "when_done" ? (
            <NumberField
              label={t("takes.wait")}
              min={1}
              max={60}
              value={wish.wait_s}
              onChange={(number) => change({ wait_s: number })}
            />
          ) : null}
        </div>
        <details>
          <summary className="w-fit cursor-pointer rounded text-[13px] font-medium text-soft">
            {t("takes.more")}
          </summary>
          <div className="mt-4 grid gap-4 sm:grid-cols-[1fr_10rem]">
            <TextField
              label={t("takes.delivery_header")}
              hint={t("takes.delivery_hint")}
              isOptional
              complaints={complaintsOf("delivery_header")}
              spellCheck={false}
              value={wish.delivery_header ?? ""}
              onChange={(text) => change({ delivery_header: text || null })}
            />
            <NumberField
              label={t("takes.per_minute")}
              min={1}
              max={100_000}
              value={wish.max_per_minute}
              onChange={(number) => change({ max_per_minute: number })}
            />
          </div>
        </details>
        {save.error && !isPlaced ? <ProblemNote error={save.error} /> : null}
      </div>
      <footer className="flex justify-end gap-2 border-t border-border px-5 py-3">
        <Button onClick={() => onDone(null)}>{t("common.keep")}</Button>
        <Button
          type="submit"
          variant="primary"
          isBusy={save.isPending}
          disabled={wish.name.trim() === "" || wish.methods.length === 0}
        >
          {webhook === null ? t("webhooks.save_new") : t("common.save")}
        </Button>
      </footer>
    </form>
  );
}

function Loaded({ workflowId, ...rest }: Omit<FormProps, "workflow"> & { workflowId: string }) {
  const workflow = useQuery(workflowQuery(workflowId));
  if (workflow.error) return <ProblemNote error={workflow.error} className="m-5" />;
  if (workflow.isPending) return <Skeleton className="m-5 h-80 rounded-xl" />;
  return <Form workflow={workflow.data} {...rest} />;
}

type WindowProps = {
  workflowId: string;
  webhook: Webhook | null;
  isOpen: boolean;
  onOpenChange: (isOpen: boolean) => void;
  onShown: (shown: WebhookShown) => void;
};

export function WebhookWindow({ workflowId, webhook, isOpen, onOpenChange, onShown }: WindowProps) {
  return (
    <Dialog open={isOpen} onOpenChange={onOpenChange}>
      <DialogWindow
        heading={webhook ? t("webhooks.edit_heading", { name: webhook.name }) : t("webhooks.new")}
        className="sm:w-[min(92vw,42rem)]"
      >
        <Loaded
          workflowId={workflowId}
          webhook={webhook}
          onDone={(shown) => {
            onOpenChange(false);
            if (shown) onShown(shown);
          }}
        />
      </DialogWindow>
    </Dialog>
  );
}
