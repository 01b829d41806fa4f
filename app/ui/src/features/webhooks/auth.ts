/** Who may call a webhook, as the form asks for it. */
import type { WebhookAuth } from "@/lib/types";

export type AuthKind = WebhookAuth["kind"];

export const AUTH_KINDS = ["none", "header", "basic", "github", "stripe", "standard", "hmac", "jwt"] as const;

/** What a kind begins with. */
export function freshAuth(kind: AuthKind): WebhookAuth {
  switch (kind) {
    case "none":
    case "github":
    case "standard":
    case "stripe":
      return { kind };
    case "header":
      return { kind, name: "X-Api-Key" };
    case "basic":
      return { kind, username: "studio" };
    case "jwt":
      return { kind, algorithm: "HS256" };
    case "hmac":
      return { kind, header: "X-Signature", algorithm: "sha256", encoding: "hex", prefix: "" };
  }
}

export function needsSecret(auth: WebhookAuth): boolean {
  return auth.kind === "jwt" ? auth.algorithm === "HS256" : auth.kind !== "none";
}

/** Whether a saved secret goes on counting: the same kind, which had one before. */
export function keepsSecret(before: WebhookAuth | null, auth: WebhookAuth): boolean {
  return before !== null && before.kind === auth.kind && needsSecret(before) && needsSecret(auth);
}
