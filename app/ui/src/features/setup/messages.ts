import { catalogue } from "@/lib/messages";

const english = {
  "setup.title": "Make this box yours",
  "setup.subtitle": "You are the first one here. This account will own the organization and run the box.",
  "setup.token": "Setup token",
  "setup.token_hint": "Studio prints it with the setup link when it starts.",
  "setup.name": "Your name",
  "setup.organization": "Organization",
  "setup.password_hint": "At least 8 characters. A sentence you can remember is best.",
  "setup.claim": "Claim this box",
} as const;

export const { t, tn } = catalogue(english);
