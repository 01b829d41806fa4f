/** First run: the owner of the box introduces themselves. */
import { useState, type SyntheticEvent } from "react";

import { Doorway } from "@/components/doorway";
import { Field } from "@/components/field";
import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { asProblem } from "@/lib/problem";

import { useClaim, type Claim } from "./api";
import { t } from "./messages";

const FIELDS = ["name", "organization", "email", "password"] as const;
const LOOK = {
  name: { type: "text", autoComplete: "name", label: "setup.name" },
  organization: { type: "text", autoComplete: "organization", label: "setup.organization" },
  email: { type: "email", autoComplete: "username", label: "auth.email" },
  password: { type: "password", autoComplete: "new-password", label: "auth.password" },
} as const;

export function SetupForm({ token, onDone }: { token: string | null; onDone: () => void }) {
  const claim = useClaim();
  const [values, setValues] = useState<Claim>({
    token: token ?? "",
    name: "",
    organization: "",
    email: "",
    password: "",
  });
  const problem = claim.error ? asProblem(claim.error) : null;
  const complaintsOf = (field: string): string[] =>
    (problem?.complaints ?? []).filter((entry) => entry.field === field).map((entry) => entry.message);
  const isPlaced = (problem?.complaints ?? []).some((entry) => FIELDS.some((name) => name === entry.field));

  function change(field: keyof Claim, value: string): void {
    setValues((before) => ({ ...before, [field]: value }));
  }

  function submit(event: SyntheticEvent): void {
    event.preventDefault();
    if (!claim.isPending)
      claim.mutate({ ...values, token: values.token.trim(), email: values.email.trim() }, { onSuccess: onDone });
  }

  return (
    <Doorway title={t("setup.title")} subtitle={t("setup.subtitle")}>
      <form onSubmit={submit} className="space-y-4">
        {token === null ? (
          <Field label={t("setup.token")} hint={t("setup.token_hint")} complaints={complaintsOf("token")}>
            {(control) => (
              <Input
                {...control}
                required
                autoComplete="off"
                spellCheck={false}
                className="font-mono"
                value={values.token}
                onChange={(event) => change("token", event.target.value)}
              />
            )}
          </Field>
        ) : null}
        {FIELDS.map((name) => (
          <Field
            key={name}
            label={t(LOOK[name].label)}
            hint={name === "password" ? t("setup.password_hint") : undefined}
            complaints={complaintsOf(name)}
          >
            {(control) => (
              <Input
                {...control}
                name={name}
                type={LOOK[name].type}
                autoComplete={LOOK[name].autoComplete}
                required
                minLength={name === "password" ? 8 : undefined}
                value={values[name]}
                onChange={(event) => change(name, event.target.value)}
              />
            )}
          </Field>
        ))}
        {claim.error && !isPlaced ? <ProblemNote error={claim.error} /> : null}
        <Button type="submit" variant="primary" size="lg" className="w-full" isBusy={claim.isPending}>
          {t("setup.claim")}
        </Button>
      </form>
    </Doorway>
  );
}
