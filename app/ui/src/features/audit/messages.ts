import { catalogue } from "@/lib/messages";

const english = {
  "audit.heading": "Audit",
  "audit.subtitle": "Who did what here, newest first.",
  "audit.empty": "Nothing yet",
  "audit.empty_body": "Sign-ins, changes of roles, published workflows and other acts of weight stand here.",
  "audit.from": "from {address}",
} as const;

export const { t, tn } = catalogue(english);
