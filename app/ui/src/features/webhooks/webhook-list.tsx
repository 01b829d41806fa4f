/** The webhooks of a workflow, or of all: who may call each, and how the last call went. */
import { useSuspenseInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Ellipsis, FlaskConical, History, Link2, Pencil, Plus, Trash2, Webhook as WebhookIcon } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";

import { LoadMore } from "@/components/load-more";
import { StatusPill } from "@/components/status";
import { Tag } from "@/components/tag";
import { Ago } from "@/components/time";
import { Button } from "@/components/ui/button";
import { ConfirmWindow } from "@/components/ui/dialog";
import { Menu, MenuItem, MenuTrigger, MenuWindow } from "@/components/ui/menu";
import { Switch } from "@/components/ui/switch";
import { useMay } from "@/lib/me";
import { itemsOf } from "@/lib/paging";
import { asProblem } from "@/lib/problem";
import type { Webhook, WebhookShown } from "@/lib/types";

import { useDeleteWebhook, useRotate, useSwitchWebhook, webhooksQuery } from "./api";
import { DeliveryWindow, LogWindow } from "./delivery-log";
import { t } from "./messages";
import { ShownOnce } from "./shown-once";
import { TrialWindow } from "./trial";
import { WebhookWindow } from "./webhook-form";

type Open = "edit" | "log" | "delivery" | "trial" | "rotate" | "delete" | null;

const say = (error: unknown): void => void toast.error(asProblem(error).message);

function Actions({ webhook, entry }: { webhook: Webhook; entry: string | null }) {
  const [open, setOpen] = useState<Open>(entry === null ? null : "delivery");
  const [shown, setShown] = useState<WebhookShown | null>(null);
  const rotate = useRotate(webhook.id);
  const remove = useDeleteWebhook(webhook.id);
  const mayEdit = useMay("editor");
  const mayRun = useMay("operator");
  const isBusy = rotate.isPending || remove.isPending;
  const isOpen = (which: Open) => ({
    isOpen: open === which,
    onOpenChange: (next: boolean) => setOpen(next ? which : null),
  });
  return (
    <>
      <Menu>
        <MenuTrigger asChild>
          <Button
            variant="quiet"
            size="icon-sm"
            aria-label={t("webhooks.more", { name: webhook.name })}
            isBusy={isBusy}
          >
            {isBusy ? null : <Ellipsis aria-hidden />}
          </Button>
        </MenuTrigger>
        <MenuWindow align="end">
          <MenuItem onSelect={() => setOpen("log")}>
            <History aria-hidden /> {t("log.title")}
          </MenuItem>
          {mayRun ? (
            <MenuItem onSelect={() => setOpen("trial")}>
              <FlaskConical aria-hidden /> {t("trial.title")}
            </MenuItem>
          ) : null}
          {mayEdit ? (
            <>
              <MenuItem onSelect={() => setOpen("edit")}>
                <Pencil aria-hidden /> {t("common.edit")}
              </MenuItem>
              <MenuItem onSelect={() => setOpen("rotate")}>
                <Link2 aria-hidden /> {t("webhooks.rotate")}
              </MenuItem>
              <MenuItem danger onSelect={() => setOpen("delete")}>
                <Trash2 aria-hidden /> {t("common.delete")}
              </MenuItem>
            </>
          ) : null}
        </MenuWindow>
      </Menu>
      <LogWindow webhook={webhook} {...isOpen("log")} />
      {entry === null ? null : <DeliveryWindow webhook={webhook} deliveryId={entry} {...isOpen("delivery")} />}
      <TrialWindow webhook={webhook} {...isOpen("trial")} />
      <WebhookWindow workflowId={webhook.workflow_id} webhook={webhook} onShown={setShown} {...isOpen("edit")} />
      <ShownOnce shown={shown} onDone={() => setShown(null)} />
      <ConfirmWindow
        heading={t("webhooks.rotate_heading", { name: webhook.name })}
        body={t("webhooks.rotate_body")}
        action={t("webhooks.rotate")}
        onConfirm={() => rotate.mutate(undefined, { onSuccess: setShown, onError: say })}
        {...isOpen("rotate")}
      />
      <ConfirmWindow
        heading={t("webhooks.delete_heading", { name: webhook.name })}
        body={t("webhooks.delete_body")}
        action={t("common.delete")}
        onConfirm={() =>
          remove.mutate(undefined, {
            onSuccess: () => toast.success(t("webhooks.deleted", { name: webhook.name })),
            onError: say,
          })
        }
        {...isOpen("delete")}
      />
    </>
  );
}

function OnOff({ webhook }: { webhook: Webhook }) {
  const change = useSwitchWebhook(webhook.id);
  return (
    <Switch
      aria-label={t("webhooks.is_on", { name: webhook.name })}
      checked={change.isPending ? change.variables : webhook.is_enabled}
      onCheckedChange={(next) => change.mutate(next, { onError: say })}
    />
  );
}

function LastDelivery({ webhook: { last_delivery: last } }: { webhook: Webhook }) {
  if (last === null) return null;
  if (last.instance_id === null || last.instance_status === null) {
    return <Tag tone={last.status === "accepted" ? "good" : "bad"}>{t(`log.${last.status}`)}</Tag>;
  }
  return (
    <Link
      to="/instances/$instanceId"
      params={{ instanceId: last.instance_id }}
      aria-label={t("webhooks.see_instance")}
      className="rounded-full"
    >
      <StatusPill status={last.instance_status} />
    </Link>
  );
}

function Row({ webhook, isOfMany, entry }: { webhook: Webhook; isOfMany: boolean; entry: string | null }) {
  const mayEdit = useMay("editor");
  return (
    <li className="flex items-center gap-3 px-4 py-3 sm:gap-4">
      <div className="min-w-0 flex-1">
        <p className="truncate font-medium">
          {webhook.name}
          {isOfMany ? (
            <>
              <span className="font-normal text-soft"> · </span>
              <Link
                to="/workflows/$workflowId"
                params={{ workflowId: webhook.workflow_id }}
                search={{ tab: "triggers" }}
                className="rounded font-normal text-soft hover:text-foreground"
              >
                {webhook.workflow_name}
              </Link>
            </>
          ) : null}
        </p>
        <p className="truncate text-[13px] text-soft">
          {t("webhooks.summary", {
            methods: webhook.methods.join(", "),
            accepts: t(`takes.${webhook.accepts}`),
            auth: t(`auth.${webhook.auth.kind}`),
          })}{" "}
          <code className="ml-1 text-xs text-faint">{t("webhooks.address", { prefix: webhook.token_prefix })}</code>
        </p>
        {webhook.last_delivery === null ? null : (
          <p className="text-[13px] text-soft sm:hidden">
            {t("webhooks.last")} <Ago time={webhook.last_delivery.received_at} />
          </p>
        )}
      </div>
      <p className="w-28 shrink-0 text-right text-[13px] text-soft max-sm:hidden">
        {webhook.last_delivery === null ? (
          t("webhooks.never")
        ) : (
          <>
            {t("webhooks.last")} <Ago time={webhook.last_delivery.received_at} />
          </>
        )}
      </p>
      <LastDelivery webhook={webhook} />
      {mayEdit ? <OnOff webhook={webhook} /> : null}
      <Actions webhook={webhook} entry={entry} />
    </li>
  );
}

function NewWebhook({ workflowId }: { workflowId: string }) {
  const [isMaking, setMaking] = useState(false);
  const [shown, setShown] = useState<WebhookShown | null>(null);
  return (
    <>
      <Button size="sm" onClick={() => setMaking(true)}>
        <Plus aria-hidden /> {t("webhooks.new")}
      </Button>
      <WebhookWindow
        workflowId={workflowId}
        webhook={null}
        isOpen={isMaking}
        onOpenChange={setMaking}
        onShown={setShown}
      />
      <ShownOnce shown={shown} onDone={() => setShown(null)} />
    </>
  );
}

type ListProps = {
  workflowId: string | null;
  /** A delivery to one of them, opened at once. */
  shown: { of: string; entry: string } | null;
};

export function WebhookList({ workflowId, shown }: ListProps) {
  const list = useSuspenseInfiniteQuery(webhooksQuery(workflowId));
  const mayEdit = useMay("editor");
  const webhooks = itemsOf(list.data);
  return (
    <section aria-label={t("webhooks.heading")}>
      <header className="mb-2.5 flex min-h-8 items-center justify-between gap-3">
        <h2 className="flex items-center gap-2 font-semibold">
          <WebhookIcon className="size-4 text-soft" aria-hidden /> {t("webhooks.heading")}
        </h2>
        {workflowId !== null && mayEdit ? <NewWebhook workflowId={workflowId} /> : null}
      </header>
      {webhooks.length === 0 ? (
        <p className="rounded-xl border border-dashed border-border-strong px-4 py-5 text-soft">
          {workflowId === null ? t("webhooks.empty_all") : t("webhooks.empty")}
        </p>
      ) : (
        <ul className="divide-y divide-border overflow-hidden rounded-xl border border-border bg-surface shadow-card">
          {webhooks.map((webhook) => (
            <Row
              key={webhook.id}
              webhook={webhook}
              isOfMany={workflowId === null}
              entry={shown?.of === webhook.id ? shown.entry : null}
            />
          ))}
        </ul>
      )}
      <LoadMore list={list} />
    </section>
  );
}
