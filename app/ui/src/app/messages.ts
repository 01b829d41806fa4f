/** The texts of the house around the rooms, and of pages that several features furnish. */
import { catalogue, type PlainKeyOf } from "@/lib/messages";

const english = {
  "problem.page": "This page could not be shown",

  "nav.label": "Main",
  "nav.skip": "Skip to the content",
  "nav.waiting": "waiting for you",
  "nav.work": "Work",
  "nav.organization": "Organization",
  "nav.box": "Box",
  "nav.more": "More",
  "nav.everywhere": "Go to",

  "account.of": "Account of",
  "account.menu": "Account of {name}",
  "account.theme": "Theme",
  "account.light": "Light",
  "account.dark": "Dark",
  "account.system": "As the system",
  "account.logout": "Sign out",
  "account.super_admin": "Runs this box",

  "missing.title": "Nothing here",
  "missing.heading": "There is nothing under this address",
  "missing.body": "It may have been deleted, or the link is incomplete.",
  "missing.home": "Go to the workflows",

  "workflows.subtitle": "What this organization can run.",
  "workflows.new_title": "New workflow",
  "workflows.new_subtitle": "Write or paste the JSON, or drop a file. Studio checks it while you write.",
  "workflows.draft_number": "Draft: version {number}",
  "workflows.tabs": "Views of this workflow",
  "workflows.tab_run": "Run",

  "triggers.heading": "Triggers",
  "triggers.subtitle": "What starts workflows by itself: times, and other programs.",

  "run.viewer": "Your role may look at workflows but not run them.",
} as const;

export const { t, tn } = catalogue(english);
export type PlainKey = PlainKeyOf<typeof english>;
