import { catalogue } from "@/lib/messages";

const english = {
  "auth.title": "Sign in",
  "auth.subtitle": "Welcome back.",
  "auth.login": "Sign in",
} as const;

export const { t, tn } = catalogue(english);
