/** The channels of those who run the box: how each is, a trial, and quiet hours. */
import { useQuery } from "@tanstack/react-query";
import { Ellipsis, Pencil, Plus, Send, Trash2 } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";

import { ProblemNote } from "@/components/problem-note";
import { Tag } from "@/components/tag";
import { Button } from "@/components/ui/button";
import { ConfirmWindow } from "@/components/ui/dialog";
import { Menu, MenuItem, MenuTrigger, MenuWindow } from "@/components/ui/menu";
import { Skeleton } from "@/components/ui/skeleton";
import { Switch } from "@/components/ui/switch";
import { dateTime } from "@/lib/format";
import { asProblem } from "@/lib/problem";
import type { Channel } from "@/lib/types";

import { channelsQuery, useDeleteChannel, useSwitchChannel, useTryChannel } from "./api";
import { ChannelWindow } from "./channel-form";
import { t } from "./messages";

const say = (error: unknown): void => void toast.error(asProblem(error).message);

function Actions({ channel }: { channel: Channel }) {
  const [open, setOpen] = useState<"edit" | "delete" | null>(null);
  const trial = useTryChannel(channel.id);
  const remove = useDeleteChannel(channel.id);
  const isOpen = (which: "edit" | "delete") => ({
    isOpen: open === which,
    onOpenChange: (next: boolean) => setOpen(next ? which : null),
  });
  return (
    <>
      <Button
        size="sm"
        isBusy={trial.isPending}
        onClick={() =>
          trial.mutate(undefined, {
            onSuccess: ({ is_sent, sentence }) => (is_sent ? toast.success : toast.error)(sentence),
            onError: say,
          })
        }
      >
        <Send aria-hidden /> {t("channels.test")}
      </Button>
      <Menu>
        <MenuTrigger asChild>
          <Button variant="quiet" size="icon-sm" aria-label={t("channels.more", { name: channel.name })}>
            <Ellipsis aria-hidden />
          </Button>
        </MenuTrigger>
        <MenuWindow align="end">
          <MenuItem onSelect={() => setOpen("edit")}>
            <Pencil aria-hidden /> {t("common.edit")}
          </MenuItem>
          <MenuItem danger onSelect={() => setOpen("delete")}>
            <Trash2 aria-hidden /> {t("common.delete")}
          </MenuItem>
        </MenuWindow>
      </Menu>
      <ChannelWindow channel={channel} {...isOpen("edit")} />
      <ConfirmWindow
        heading={t("channels.delete_heading", { name: channel.name })}
        body={t("channels.delete_body")}
        action={t("common.delete")}
        onConfirm={() =>
          remove.mutate(undefined, {
            onSuccess: () => toast.success(t("channels.deleted", { name: channel.name })),
            onError: say,
          })
        }
        {...isOpen("delete")}
      />
    </>
  );
}

const STATES = { sent: ["channels.sent", "good"], failed: ["channels.failed", "bad"] } as const;

function LastMessage({ channel: { last_delivery: last } }: { channel: Channel }) {
  if (last == null) return <Tag>{t("channels.never")}</Tag>;
  const [word, tone] =
    last.status === "sent" || last.status === "failed"
      ? STATES[last.status]
      : (["channels.pending", "waiting"] as const);
  return <Tag tone={tone}>{t(word)}</Tag>;
}

/** Why the last message did not get through, and when the channel is tried again. */
function Trouble({ channel: { last_delivery: last, resting_until } }: { channel: Channel }) {
  if (last?.error == null) return null;
  return (
    <p className="text-[13px] text-failed">
      {last.error}
      {resting_until == null ? null : ` ${t("channels.resting", { time: dateTime(resting_until) })}`}
    </p>
  );
}

function Row({ channel }: { channel: Channel }) {
  const change = useSwitchChannel(channel.id);
  return (
    <li className="flex flex-wrap items-center gap-3 px-4 py-3">
      <div className="min-w-0 flex-1">
        <p className="truncate font-medium">
          {channel.name} <span className="font-normal text-soft">· {t(`way.${channel.way.kind}`)}</span>
        </p>
        <p className="truncate text-[13px] text-soft">
          {t(`form.least_${channel.least}`)}
          {channel.quiet == null
            ? null
            : ` · ${t("form.quiet")} ${channel.quiet.start}–${channel.quiet.end} ${channel.quiet.time_zone ?? ""}`}
        </p>
        <Trouble channel={channel} />
      </div>
      <LastMessage channel={channel} />
      <Switch
        aria-label={t("channels.is_on", { name: channel.name })}
        checked={change.isPending ? change.variables : channel.is_enabled}
        onCheckedChange={(next) => change.mutate(next, { onError: say })}
      />
      <Actions channel={channel} />
    </li>
  );
}

export function ChannelList() {
  const list = useQuery(channelsQuery);
  const [isMaking, setMaking] = useState(false);
  return (
    <section aria-label={t("channels.heading")} className="mt-8">
      <header className="mb-2.5 flex flex-wrap items-center justify-between gap-3">
        <div>
          <h2 className="font-semibold">{t("channels.heading")}</h2>
          <p className="text-[13px] text-soft">{t("channels.subtitle")}</p>
        </div>
        <Button size="sm" onClick={() => setMaking(true)}>
          <Plus aria-hidden /> {t("channels.new")}
        </Button>
        <ChannelWindow channel={null} isOpen={isMaking} onOpenChange={setMaking} />
      </header>
      {list.error ? <ProblemNote error={list.error} /> : null}
      {list.isPending ? <Skeleton className="h-16 rounded-xl" /> : null}
      {list.data?.items.length === 0 ? (
        <p className="rounded-xl border border-dashed border-border-strong px-4 py-5 text-soft">
          {t("channels.empty")}
        </p>
      ) : null}
      {list.data && list.data.items.length > 0 ? (
        <ul className="divide-y divide-border overflow-hidden rounded-xl border border-border bg-surface shadow-card">
          {list.data.items.map((channel) => (
            <Row key={channel.id} channel={channel} />
          ))}
        </ul>
      ) : null}
    </section>
  );
}
