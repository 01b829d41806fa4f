/** Announcing maintenance and draining lanes, for whoever runs the box. */
import { useQuery } from "@tanstack/react-query";
import { useState, type SyntheticEvent } from "react";
import { toast } from "sonner";

import { Field } from "@/components/field";
import { Page } from "@/components/page";
import { ProblemNote } from "@/components/problem-note";
import { Tag } from "@/components/tag";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Input, Select } from "@/components/ui/input";
import { Skeleton } from "@/components/ui/skeleton";
import { asProblem } from "@/lib/problem";

import { lanesQuery, maintenanceQuery, useAnnounce, useEnd, useLane, type LaneWork } from "./api";
import { t } from "./messages";

const TIMES = [
  { in_s: 0, name: () => t("care.now") },
  { in_s: 300, name: () => t("care.in_5") },
  { in_s: 900, name: () => t("care.in_15") },
  { in_s: 3600, name: () => t("care.in_60") },
];

const complain = (error: unknown): void => void toast.error(asProblem(error).message);

function AnnounceForm() {
  const [in_s, setIn] = useState(900);
  const [message, setMessage] = useState("");
  const announce = useAnnounce();
  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    announce.mutate({ in_s, message }, { onError: complain });
  };
  return (
    <form onSubmit={send} className="grid gap-4 p-4 sm:grid-cols-[12rem_minmax(0,1fr)_auto] sm:items-start">
      <Field label={t("care.begins")}>
        {(control) => (
          <Select {...control} value={in_s} onChange={(event) => setIn(Number(event.target.value))}>
            {TIMES.map((time) => (
              <option key={time.in_s} value={time.in_s}>
                {time.name()}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <Field label={t("care.message")} hint={t("care.message_hint")} isOptional>
        {(control) => (
          <Input {...control} maxLength={300} value={message} onChange={(event) => setMessage(event.target.value)} />
        )}
      </Field>
      <Button type="submit" className="sm:mt-6.5" isBusy={announce.isPending}>
        {in_s === 0 ? t("care.begin") : t("care.announce")}
      </Button>
    </form>
  );
}

function EndForm({ isOn }: { isOn: boolean }) {
  const end = useEnd();
  return (
    <div className="flex flex-wrap items-center justify-between gap-3 p-4">
      <p className="font-medium">{isOn ? t("care.on") : t("care.soon_body")}</p>
      <Button isBusy={end.isPending} onClick={() => end.mutate(undefined, { onError: complain })}>
        {isOn ? t("care.end") : t("care.call_off")}
      </Button>
    </div>
  );
}

function LaneRow({ lane }: { lane: LaneWork }) {
  const change = useLane();
  const name = lane.lane.toUpperCase();
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
      <div className="min-w-0 flex-1">
        <p className="flex items-center gap-2 font-medium">
          {name}
          {lane.is_drained ? <Tag tone="waiting">{t("care.drained")}</Tag> : null}
        </p>
        <p className="text-[13px] text-soft">
          {t("care.lane_work", { running: lane.running, queued: lane.queued })}
          {lane.closed_because ? ` · ${lane.closed_because}` : ""}
        </p>
      </div>
      <Button
        size="sm"
        isBusy={change.isPending}
        aria-label={`${lane.is_drained ? t("care.resume") : t("care.drain")} ${name}`}
        onClick={() => change.mutate({ lane: lane.lane, isToDrain: !lane.is_drained }, { onError: complain })}
      >
        {lane.is_drained ? t("care.resume") : t("care.drain")}
      </Button>
    </li>
  );
}

export function MaintenancePage() {
  const maintenance = useQuery(maintenanceQuery);
  const lanes = useQuery(lanesQuery);
  const error = maintenance.error ?? lanes.error;
  return (
    <Page title={t("care.heading")} subtitle={t("care.subtitle")}>
      {error ? <ProblemNote error={error} /> : null}
      <Card>
        {maintenance.data ? (
          maintenance.data.starts_at ? (
            <EndForm isOn={maintenance.data.is_on} />
          ) : (
            <AnnounceForm />
          )
        ) : (
          <Skeleton className="m-4 h-16" />
        )}
      </Card>
      <h2 className="mt-8 mb-1 font-semibold">{t("care.lanes")}</h2>
      <p className="mb-3 max-w-2xl text-[13px] text-soft">{t("care.lanes_body")}</p>
      <Card>
        <ul aria-label={t("care.lanes")} className="divide-y divide-border">
          {(lanes.data?.items ?? []).map((lane) => (
            <LaneRow key={lane.lane} lane={lane} />
          ))}
        </ul>
      </Card>
    </Page>
  );
}
