/** A channel to be made or changed. */
import { useState, type SyntheticEvent } from "react";
import { toast } from "sonner";

import { Complaints } from "@/components/field";
import { ChoiceField, NumberField, TextField } from "@/components/fields";
import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Dialog, DialogWindow } from "@/components/ui/dialog";
import { Switch } from "@/components/ui/switch";
import { asProblem } from "@/lib/problem";
import type { Channel } from "@/lib/types";

import { useSaveChannel, type ChannelWish, type Way } from "./api";
import { t } from "./messages";

const KINDS = ["mail", "webhook", "slack", "ntfy"] as const;
const LEAST = ["info", "warning", "critical"] as const;
const SECURITY = ["starttls", "tls", "none"] as const;
const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;

function freshWay(kind: Way["kind"]): Way {
  switch (kind) {
    case "mail":
      return { kind, host: "", port: 587, security: "starttls", username: null, sender: "", recipients: [] };
    case "ntfy":
      return { kind, server: "https://ntfy.sh", topic: "" };
    case "webhook":
    case "slack":
      return { kind };
  }
}

function wishOf(channel: Channel | null): ChannelWish {
  if (channel === null) {
    return { name: "", way: freshWay("mail"), least: "warning", quiet: null, wakes: true, is_enabled: true };
  }
  const { name, way, least, quiet, wakes, is_enabled } = channel;
  return { name, way, least, quiet, wakes, is_enabled };
}

type WayProps<Kind extends Way["kind"]> = {
  way: Extract<Way, { kind: Kind }>;
  complaintsOf: (field: string) => string[];
  onChange: (way: Way) => void;
};

function MailFields({ way, complaintsOf, onChange }: WayProps<"mail">) {
  const [recipients, setRecipients] = useState(way.recipients.join(", "));
  return (
    <>
      <div className="grid gap-4 sm:grid-cols-[1fr_6rem_10rem]">
        <TextField
          label={t("way.host")}
          complaints={complaintsOf("way.host")}
          value={way.host}
          onChange={(text) => onChange({ ...way, host: text })}
        />
        <NumberField
          label={t("way.port")}
          complaints={complaintsOf("way.port")}
          min={1}
          max={65535}
          value={way.port}
          onChange={(number) => onChange({ ...way, port: number })}
        />
        <ChoiceField
          label={t("way.security")}
          value={way.security}
          choices={SECURITY}
          nameOf={(one) => t(`way.${one}`)}
          onChange={(chosen) => onChange({ ...way, security: chosen })}
        />
      </div>
      <TextField
        label={t("way.username")}
        isOptional
        complaints={complaintsOf("way.username")}
        value={way.username ?? ""}
        onChange={(text) => onChange({ ...way, username: text || null })}
      />
      <div className="grid gap-4 sm:grid-cols-2">
        <TextField
          label={t("way.sender")}
          complaints={complaintsOf("way.sender")}
          type="email"
          value={way.sender}
          onChange={(text) => onChange({ ...way, sender: text })}
        />
        <TextField
          label={t("way.recipients")}
          hint={t("way.recipients_hint")}
          complaints={complaintsOf("way.recipients")}
          value={recipients}
          onChange={(text) => {
            setRecipients(text);
            const list = text.split(",").map((one) => one.trim());
            onChange({ ...way, recipients: list.filter((one) => one !== "") });
          }}
        />
      </div>
    </>
  );
}

function NtfyFields({ way, complaintsOf, onChange }: WayProps<"ntfy">) {
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <TextField
        label={t("way.server")}
        complaints={complaintsOf("way.server")}
        value={way.server}
        onChange={(text) => onChange({ ...way, server: text })}
      />
      <TextField
        label={t("way.topic")}
        complaints={complaintsOf("way.topic")}
        value={way.topic}
        onChange={(text) => onChange({ ...way, topic: text })}
      />
    </div>
  );
}

function QuietFields({
  quiet,
  complaintsOf,
  onChange,
}: {
  quiet: NonNullable<ChannelWish["quiet"]>;
  complaintsOf: (field: string) => string[];
  onChange: (quiet: NonNullable<ChannelWish["quiet"]>) => void;
}) {
  return (
    <div className="grid gap-4 sm:grid-cols-[7rem_7rem_1fr]">
      <TextField
        label={t("form.from")}
        complaints={complaintsOf("quiet.start")}
        type="time"
        value={quiet.start}
        onChange={(text) => onChange({ ...quiet, start: text })}
      />
      <TextField
        label={t("form.to")}
        complaints={complaintsOf("quiet.end")}
        type="time"
        value={quiet.end}
        onChange={(text) => onChange({ ...quiet, end: text })}
      />
      <TextField
        label={t("form.zone")}
        complaints={complaintsOf("quiet.time_zone")}
        value={quiet.time_zone}
        onChange={(text) => onChange({ ...quiet, time_zone: text })}
      />
    </div>
  );
}

function Form({ channel, onDone }: { channel: Channel | null; onDone: () => void }) {
  const save = useSaveChannel(channel?.id ?? null);
  const [wish, setWish] = useState(() => wishOf(channel));
  const [secret, setSecret] = useState("");
  const keeps = channel !== null && channel.has_secret && channel.way.kind === wish.way.kind;
  const refused = save.error ? asProblem(save.error).complaints : [];
  const complaintsOf = (field: string): string[] =>
    refused.filter((entry) => entry.field?.startsWith(field)).map((entry) => entry.message);

  function change(part: Partial<ChannelWish>): void {
    setWish((before) => ({ ...before, ...part }));
    if (save.error) save.reset();
  }

  function submit(event: SyntheticEvent): void {
    event.preventDefault();
    if (save.isPending) return;
    save.mutate(
      { ...wish, name: wish.name.trim(), ...(secret === "" ? {} : { secret }) },
      {
        onSuccess: ({ name }) => {
          toast.success(t("channels.saved", { name }));
          onDone();
        },
      },
    );
  }

  return (
    <form onSubmit={submit} noValidate aria-label={t("channels.form")} className="flex min-h-0 flex-col">
      <div className="min-h-0 space-y-5 overflow-y-auto px-5 pb-5">
        <div className="grid gap-4 sm:grid-cols-[1fr_10rem]">
          <TextField
            label={t("form.name")}
            complaints={complaintsOf("name")}
            maxLength={200}
            value={wish.name}
            onChange={(text) => change({ name: text })}
          />
          <ChoiceField
            label={t("way.kind")}
            value={wish.way.kind}
            choices={KINDS}
            nameOf={(kind) => t(`way.${kind}`)}
            onChange={(chosen) => {
              setSecret("");
              change({ way: freshWay(chosen) });
            }}
          />
        </div>
        {wish.way.kind === "mail" ? (
          <MailFields way={wish.way} complaintsOf={complaintsOf} onChange={(way) => change({ way })} />
        ) : null}
        {wish.way.kind === "ntfy" ? (
          <NtfyFields way={wish.way} complaintsOf={complaintsOf} onChange={(way) => change({ way })} />
        ) : null}
        <TextField
          label={t(`secret.${wish.way.kind}`)}
          complaints={complaintsOf("secret")}
          isOptional={wish.way.kind === "ntfy" || wish.way.kind === "mail"}
          {...(keeps ? { hint: t("secret.keep") } : {})}
          type="password"
          autoComplete="new-password"
          value={secret}
          onChange={(text) => {
            setSecret(text);
            if (save.error) save.reset();
          }}
        />
        <ChoiceField
          label={t("form.least")}
          value={wish.least}
          choices={LEAST}
          nameOf={(one) => t(`form.least_${one}`)}
          onChange={(chosen) => change({ least: chosen })}
        />
        <div className="space-y-4 border-t border-border pt-5">
          <div className="flex items-center justify-between gap-3 text-[13px] font-medium">
            {t("form.quiet")}
            <Switch
              aria-label={t("form.quiet")}
              checked={wish.quiet != null}
              onCheckedChange={(on) => change({ quiet: on ? { start: "22:00", end: "07:00", time_zone: HERE } : null })}
            />
          </div>
          {wish.quiet == null ? null : (
            <>
              <QuietFields quiet={wish.quiet} complaintsOf={complaintsOf} onChange={(quiet) => change({ quiet })} />
              <div className="flex items-center justify-between gap-3 text-[13px] font-medium">
                {t("form.wakes")}
                <Switch
                  aria-label={t("form.wakes")}
                  checked={wish.wakes ?? true}
                  onCheckedChange={(wakes) => change({ wakes })}
                />
              </div>
            </>
          )}
        </div>
        {save.error && refused.length === 0 ? <ProblemNote error={save.error} /> : null}
        <Complaints list={refused.filter((entry) => entry.field == null).map((entry) => entry.message)} />
      </div>
      <footer className="flex justify-end gap-2 border-t border-border px-5 py-3.5">
        <Button type="submit" variant="primary" isBusy={save.isPending}>
          {t("common.save")}
        </Button>
      </footer>
    </form>
  );
}

export function ChannelWindow({
  channel,
  isOpen,
  onOpenChange,
}: {
  channel: Channel | null;
  isOpen: boolean;
  onOpenChange: (isOpen: boolean) => void;
}) {
  return (
    <Dialog open={isOpen} onOpenChange={onOpenChange}>
      <DialogWindow heading={channel?.name ?? t("channels.new")}>
        {isOpen ? <Form channel={channel} onDone={() => onOpenChange(false)} /> : null}
      </DialogWindow>
    </Dialog>
  );
}
