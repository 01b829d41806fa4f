/** What was delivered to a webhook and what became of it; each can be looked into and sent again. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ChevronRight, RotateCcw } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";

import { LoadMore } from "@/components/load-more";
import { ProblemNote } from "@/components/problem-note";
import { StatusPill } from "@/components/status";
import { Tag } from "@/components/tag";
import { Ago } from "@/components/time";
import { Button } from "@/components/ui/button";
import { Dialog, DialogWindow } from "@/components/ui/dialog";
import { Skeleton } from "@/components/ui/skeleton";
import { cn } from "@/lib/cn";
import { bytes, dateTime } from "@/lib/format";
import { useMay } from "@/lib/me";
import { itemsOf } from "@/lib/paging";
import { asProblem } from "@/lib/problem";
import type { Delivery, DeliveryDetail, Webhook } from "@/lib/types";

import { deliveriesQuery, deliveryQuery, useReplay, type Filter } from "./api";
import { t } from "./messages";

const FILTERS: readonly Filter[] = [null, "accepted", "refused"];

function Facts({ heading, values }: { heading: string; values: Record<string, unknown> }) {
  const entries = Object.entries(values);
  if (entries.length === 0) return null;
  return (
    <section>
      <h4 className="mb-1 text-xs font-medium text-soft">{heading}</h4>
      <dl className="grid grid-cols-[minmax(6rem,auto)_minmax(0,1fr)] gap-x-3 gap-y-0.5 font-mono text-xs">
        {entries.map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-soft">{name}</dt>
            <dd className="break-words">{typeof value === "string" ? value : JSON.stringify(value)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Whole({ delivery }: { delivery: DeliveryDetail }) {
  return (
    <>
      <section>
        <h4 className="mb-1 text-xs font-medium text-soft">{t("log.body")}</h4>
        {delivery.body === null ? (
          <p className="text-[13px] text-soft">{t("log.no_body")}</p>
        ) : (
          <pre className="max-h-60 overflow-auto rounded-md bg-sunken p-2.5 font-mono text-xs break-words whitespace-pre-wrap">
            {delivery.body}
          </pre>
        )}
      </section>
      <Facts heading={t("log.query")} values={delivery.query} />
      <Facts heading={t("log.headers")} values={delivery.headers} />
    </>
  );
}

function Details({ webhook, line }: { webhook: Webhook; line: Delivery }) {
  const whole = useQuery(deliveryQuery(webhook.id, line.id));
  const replay = useReplay(webhook.id);
  const mayRun = useMay("operator");
  return (
    <div className="space-y-3.5 border-t border-border bg-sunken/40 px-4 py-3.5">
      <p className="text-[13px] text-soft">
        {t("log.facts", {
          method: line.method,
          type: line.content_type === "" ? "–" : line.content_type,
          size: bytes(line.size_bytes),
        })}
        {line.address === null ? null : ` · ${t("log.from", { address: line.address })}`}
        {line.delivery_key === null ? null : ` · ${t("log.number", { key: line.delivery_key })}`}
      </p>
      {line.error === null || line.error.complaints.length === 0 ? null : (
        <ul className="list-disc space-y-0.5 pl-4 text-[13px] text-failed">
          {line.error.complaints.map((one) => (
            <li key={`${one.field ?? ""}${one.message}`}>{one.message}</li>
          ))}
        </ul>
      )}
      {whole.error ? <ProblemNote error={whole.error} /> : null}
      {whole.data ? <Whole delivery={whole.data} /> : <Skeleton className="h-20 rounded-md" />}
      {mayRun && line.has_body ? (
        <Button
          size="sm"
          isBusy={replay.isPending}
          onClick={() =>
            replay.mutate(line.id, {
              onSuccess: (made) =>
                made.status === "accepted"
                  ? toast.success(t("log.again_accepted"))
                  : toast.error(t("log.again_refused")),
              onError: (error) => toast.error(asProblem(error).message),
            })
          }
        >
          {replay.isPending ? null : <RotateCcw aria-hidden />} {t("log.again")}
        </Button>
      ) : null}
    </div>
  );
}

function Row({ webhook, line, isAlone = false }: { webhook: Webhook; line: Delivery; isAlone?: boolean }) {
  const [isOpen, setOpen] = useState(isAlone);
  return (
    <li>
      <div className="relative flex items-center gap-3 px-4 py-2.5 transition-colors hover:bg-sunken/60">
        <button
          type="button"
          aria-expanded={isOpen}
          aria-label={t("log.details", { time: dateTime(line.received_at) })}
          className="after:absolute after:inset-0"
          onClick={() => setOpen(!isOpen)}
        >
          <ChevronRight className={cn("size-4 text-soft transition-transform", isOpen && "rotate-90")} aria-hidden />
        </button>
        <Ago time={line.received_at} className="w-24 shrink-0 text-[13px] text-soft" />
        <span className="min-w-0 flex-1 truncate text-[13px]">
          {line.error === null ? `${line.method} ${line.content_type}` : line.error.detail}
          {line.origin === "sender" ? null : <span className="text-soft"> · {t(`log.origin_${line.origin}`)}</span>}
        </span>
        {line.instance_id !== null && line.instance_status !== null ? (
          <Link
            to="/instances/$instanceId"
            params={{ instanceId: line.instance_id }}
            aria-label={t("webhooks.see_instance")}
            className="relative rounded-full"
          >
            <StatusPill status={line.instance_status} />
          </Link>
        ) : (
          <Tag tone={line.status === "accepted" ? "good" : "bad"}>{t(`log.${line.status}`)}</Tag>
        )}
      </div>
      {isOpen ? <Details webhook={webhook} line={line} /> : null}
    </li>
  );
}

function Log({ webhook }: { webhook: Webhook }) {
  const [filter, setFilter] = useState<Filter>(null);
  const list = useInfiniteQuery(deliveriesQuery(webhook.id, filter));
  const lines = itemsOf(list.data);
  return (
    <>
      <div role="group" aria-label={t("log.filter")} className="mb-3 flex gap-1">
        {FILTERS.map((one) => (
          <Button
            key={one ?? "all"}
            size="sm"
            variant="quiet"
            aria-pressed={filter === one}
            className="aria-pressed:bg-idle-soft aria-pressed:text-foreground"
            onClick={() => setFilter(one)}
          >
            {t(`log.${one ?? "all"}`)}
          </Button>
        ))}
      </div>
      {list.error ? <ProblemNote error={list.error} /> : null}
      {lines === undefined ? <Skeleton className="h-40 rounded-xl" /> : null}
      {lines?.length === 0 ? <p className="text-soft">{t("log.empty")}</p> : null}
      {lines === undefined || lines.length === 0 ? null : (
        <ul
          aria-label={t("log.title")}
          className="divide-y divide-border overflow-hidden rounded-xl border border-border bg-surface"
        >
          {lines.map((line) => (
            <Row key={line.id} webhook={webhook} line={line} />
          ))}
        </ul>
      )}
      <LoadMore list={list} />
    </>
  );
}

type WindowProps = { webhook: Webhook; isOpen: boolean; onOpenChange: (isOpen: boolean) => void };

/** One delivery by itself, for whoever comes from the run it started. */
export function DeliveryWindow({ webhook, deliveryId, isOpen, onOpenChange }: WindowProps & { deliveryId: string }) {
  const delivery = useQuery({ ...deliveryQuery(webhook.id, deliveryId), enabled: isOpen });
  return (
    <Dialog open={isOpen} onOpenChange={onOpenChange}>
      <DialogWindow heading={t("log.one_of", { name: webhook.name })} className="sm:w-[min(92vw,50rem)]">
        <div className="min-h-0 overflow-y-auto px-5 pb-5">
          {delivery.error ? <ProblemNote error={delivery.error} /> : null}
          {delivery.isPending ? <Skeleton className="h-40 rounded-xl" /> : null}
          {delivery.data ? (
            <ul aria-label={t("log.title")} className="overflow-hidden rounded-xl border border-border bg-surface">
              <Row webhook={webhook} line={delivery.data} isAlone />
            </ul>
          ) : null}
        </div>
      </DialogWindow>
    </Dialog>
  );
}

export function LogWindow({ webhook, isOpen, onOpenChange }: WindowProps) {
  return (
    <Dialog open={isOpen} onOpenChange={onOpenChange}>
      <DialogWindow heading={t("log.of", { name: webhook.name })} className="sm:w-[min(92vw,50rem)]">
        <div className="min-h-0 overflow-y-auto px-5 pb-5">
          <Log webhook={webhook} />
        </div>
      </DialogWindow>
    </Dialog>
  );
}
