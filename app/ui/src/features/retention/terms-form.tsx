/** How long to keep what, in days; an empty field is for ever. */
import { useState, type ComponentProps } from "react";

import { Field } from "@/components/field";
import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Card, CardHeading } from "@/components/ui/card";
import { Input } from "@/components/ui/input";
import type { components } from "@/lib/api.gen";

import type { Terms } from "./api";
import { t } from "./messages";

type TermsFormProps = {
  kept: components["schemas"]["Retention"];
  isSaving: boolean;
  refusal: unknown;
  onTry: (terms: Terms) => void;
  onSave: (terms: Terms) => void;
};

type Draft = Record<keyof Terms, string>;

/** As the server takes it. */
function read({ instances_days, details_days, audit_days }: Draft): Terms {
  const days = (text: string): number | null => (text.trim() === "" ? null : Number(text));
  const runs = days(instances_days);
  return { instances_days: runs, details_days: days(details_days) ?? runs, audit_days: days(audit_days) ?? 365 };
}

function Days(rest: ComponentProps<"input">) {
  return <Input type="number" inputMode="numeric" max={36_500} className="max-w-40 tabular-nums" {...rest} />;
}

export function TermsForm({ kept, isSaving, refusal, onTry, onSave }: TermsFormProps) {
  const [draft, setDraft] = useState<Draft>({
    instances_days: kept.terms.instances_days?.toString() ?? "",
    details_days: kept.terms.details_days?.toString() ?? "",
    audit_days: (kept.terms.audit_days ?? 365).toString(),
  });
  const put = (name: keyof Draft) => (event: { target: { value: string } }) =>
    setDraft({ ...draft, [name]: event.target.value });
  return (
    <Card aria-label={t("retention.terms")}>
      <CardHeading>{t("retention.terms")}</CardHeading>
      <form
        className="space-y-5 p-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (!isSaving) onSave(read(draft));
        }}
      >
        <Field label={t("retention.runs")} hint={t("retention.runs_hint")}>
          {(control) => <Days {...control} min={1} value={draft.instances_days} onChange={put("instances_days")} />}
        </Field>
        <Field label={t("retention.details")} hint={t("retention.details_hint")}>
          {(control) => <Days {...control} min={1} value={draft.details_days} onChange={put("details_days")} />}
        </Field>
        <Field label={t("retention.audit")} hint={t("retention.audit_hint")}>
          {(control) => <Days {...control} min={30} required value={draft.audit_days} onChange={put("audit_days")} />}
        </Field>
        {kept.chosen_at === null ? <p className="text-[13px] text-soft">{t("retention.defaults")}</p> : null}
        {refusal ? <ProblemNote error={refusal} /> : null}
        <div className="flex justify-end gap-2">
          <Button onClick={() => onTry(read(draft))}>{t("retention.look")}</Button>
          <Button type="submit" variant="primary" isBusy={isSaving}>
            {t("common.save")}
          </Button>
        </div>
      </form>
    </Card>
  );
}
