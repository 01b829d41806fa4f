/** Signing in. The password manager of the browser does the rest. */
import { useState, type SyntheticEvent } from "react";

import { Doorway } from "@/components/doorway";
import { Field } from "@/components/field";
import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";

import { useLogin } from "./api";
import { t } from "./messages";

export function LoginForm({ onDone }: { onDone: () => void }) {
  const login = useLogin();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");

  function submit(event: SyntheticEvent): void {
    event.preventDefault();
    if (!login.isPending) login.mutate({ email: email.trim(), password }, { onSuccess: onDone });
  }

  return (
    <Doorway title={t("auth.title")} subtitle={t("auth.subtitle")}>
      <form onSubmit={submit} className="space-y-4">
        <Field label={t("auth.email")}>
          {(control) => (
            <Input
              {...control}
              type="email"
              name="email"
              autoComplete="username"
              required
              // eslint-disable-next-line jsx-a11y/no-autofocus -- the page has this one purpose
              autoFocus
              value={email}
              onChange={(event) => setEmail(event.target.value)}
            />
          )}
        </Field>
        <Field label={t("auth.password")}>
          {(control) => (
            <Input
              {...control}
              type="password"
              name="password"
              autoComplete="current-password"
              required
              value={password}
              onChange={(event) => setPassword(event.target.value)}
            />
          )}
        </Field>
        {login.error ? <ProblemNote error={login.error} /> : null}
        <Button type="submit" variant="primary" size="lg" className="w-full" isBusy={login.isPending}>
          {t("auth.login")}
        </Button>
      </form>
    </Doorway>
  );
}
