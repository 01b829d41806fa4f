/** How a caller proves who it is: the scheme, and what that scheme needs to know. */
import type { ReactNode } from "react";

import { Field } from "@/components/field";
import { Input, Select, Textarea } from "@/components/ui/input";
import type { WebhookAuth } from "@/lib/types";

import { AUTH_KINDS, freshAuth, needsSecret, type AuthKind } from "./auth";
import { t } from "./messages";

type Props = {
  auth: WebhookAuth;
  secret: string;
  /** Whether a secret is there that an empty field keeps. */
  hasSecret: boolean;
  complaintsOf: (field: string) => readonly string[];
  onChange: (auth: WebhookAuth) => void;
  onSecret: (secret: string) => void;
};

type LineProps = {
  label: string;
  value: string;
  field: string;
  hint?: string;
  isOptional?: boolean;
  complaintsOf: Props["complaintsOf"];
  onChange: (value: string) => void;
};

function Line({ label, value, field, hint, isOptional = false, complaintsOf, onChange }: LineProps) {
  return (
    <Field label={label} hint={hint} isOptional={isOptional} complaints={complaintsOf(field)}>
      {(control) => (
        <Input
          {...control}
          autoComplete="off"
          spellCheck={false}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

function Choice<T extends string>(props: {
  label: string;
  value: T;
  options: readonly T[];
  onChange: (value: T) => void;
}) {
  return (
    <Field label={props.label}>
      {(control) => (
        <Select {...control} value={props.value} onChange={(event) => props.onChange(event.target.value as T)}>
          {props.options.map((option) => (
            <option key={option}>{option}</option>
          ))}
        </Select>
      )}
    </Field>
  );
}

/** An emptied text is nothing. */
const orNull = (text: string): string | null => (text === "" ? null : text);

function Details({ auth, complaintsOf, onChange }: Pick<Props, "auth" | "complaintsOf" | "onChange">): ReactNode {
  switch (auth.kind) {
    case "none":
      return <p className="text-xs text-soft">{t("auth.none_hint")}</p>;
    case "github":
    case "standard":
    case "stripe":
      return null;
    case "header":
      return (
        <Line
          label={t("auth.header_name")}
          field="auth.name"
          value={auth.name ?? ""}
          complaintsOf={complaintsOf}
          onChange={(name) => onChange({ ...auth, name })}
        />
      );
    case "basic":
      return (
        <Line
          label={t("auth.username")}
          field="auth.username"
          value={auth.username}
          complaintsOf={complaintsOf}
          onChange={(username) => onChange({ ...auth, username })}
        />
      );
    case "jwt":
      return (
        <>
          <div className="grid gap-4 sm:grid-cols-3">
            <Choice
              label={t("auth.algorithm")}
              value={auth.algorithm}
              options={["HS256", "RS256", "ES256"]}
              onChange={(algorithm) =>
                onChange({ ...auth, algorithm, public_key: algorithm === "HS256" ? null : auth.public_key })
              }
            />
            <Line
              label={t("auth.issuer")}
              field="auth.issuer"
              isOptional
              value={auth.issuer ?? ""}
              complaintsOf={complaintsOf}
              onChange={(issuer) => onChange({ ...auth, issuer: orNull(issuer) })}
            />
            <Line
              label={t("auth.audience")}
              field="auth.audience"
              isOptional
              value={auth.audience ?? ""}
              complaintsOf={complaintsOf}
              onChange={(audience) => onChange({ ...auth, audience: orNull(audience) })}
            />
          </div>
          {auth.algorithm === "HS256" ? null : (
            <Field label={t("auth.public_key")} complaints={complaintsOf("auth.public_key")}>
              {(control) => (
                <Textarea
                  {...control}
                  rows={5}
                  spellCheck={false}
                  className="font-mono text-[13px]"
                  value={auth.public_key ?? ""}
                  onChange={(event) => onChange({ ...auth, public_key: orNull(event.target.value) })}
                />
              )}
            </Field>
          )}
        </>
      );
    case "hmac":
      return (
        <div className="grid gap-4 sm:grid-cols-2">
          <Line
            label={t("auth.header_name")}
            field="auth.header"
            value={auth.header}
            complaintsOf={complaintsOf}
            onChange={(header) => onChange({ ...auth, header })}
          />
          <Line
            label={t("auth.prefix")}
            field="auth.prefix"
            isOptional
            value={auth.prefix ?? ""}
            complaintsOf={complaintsOf}
            onChange={(prefix) => onChange({ ...auth, prefix })}
          />
          <Choice
            label={t("auth.algorithm")}
            value={auth.algorithm ?? "sha256"}
            options={["sha256", "sha512", "sha1"]}
            onChange={(algorithm) => onChange({ ...auth, algorithm })}
          />
          <Choice
            label={t("auth.encoding")}
            value={auth.encoding ?? "hex"}
            options={["hex", "base64"]}
            onChange={(encoding) => onChange({ ...auth, encoding })}
          />
          <Line
            label={t("auth.timestamp_header")}
            field="auth.timestamp_header"
            hint={t("auth.timestamp_hint")}
            isOptional
            value={auth.timestamp_header ?? ""}
            complaintsOf={complaintsOf}
            onChange={(header) => onChange({ ...auth, timestamp_header: orNull(header) })}
          />
        </div>
      );
  }
}

function secretHint(auth: WebhookAuth, hasSecret: boolean): string {
  if (hasSecret) return t("auth.secret_kept");
  return auth.kind === "stripe" || auth.kind === "standard" ? t("auth.secret_theirs") : t("auth.secret_new");
}

export function AuthField({ auth, secret, hasSecret, complaintsOf, onChange, onSecret }: Props) {
  return (
    <div className="space-y-4">
      <Field label={t("auth.label")}>
        {(control) => (
          <Select
            {...control}
            value={auth.kind}
            onChange={(event) => onChange(freshAuth(event.target.value as AuthKind))}
          >
            {AUTH_KINDS.map((kind) => (
              <option key={kind} value={kind}>
                {t(`auth.${kind}`)}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <Details auth={auth} complaintsOf={complaintsOf} onChange={onChange} />
      {needsSecret(auth) ? (
        <Field
          label={t("auth.secret")}
          hint={secretHint(auth, hasSecret)}
          isOptional
          complaints={complaintsOf("secret")}
        >
          {(control) => (
            <Input
              {...control}
              type="password"
              autoComplete="new-password"
              value={secret}
              onChange={(event) => onSecret(event.target.value)}
            />
          )}
        </Field>
      ) : null}
    </div>
  );
}
