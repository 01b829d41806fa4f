import { catalogue } from "@/lib/messages";

const english = {
  "approvals.heading": "Inbox",
  "approvals.subtitle": "What waits for somebody, newest first.",
  "approvals.empty": "Nothing waits for anybody",
  "approvals.empty_body": "When a workflow asks for an approval, for values, or stops before a step, it stands here.",
  "approvals.mine": "For you",
  "approvals.others": "For others",
  "approvals.start": "Starts when somebody says so: {step}",
  "approvals.from": "{workflow} #{number}",
  "approvals.by": "started by {name}",
  "approvals.until": "until {time}",
} as const;

export const { t, tn } = catalogue(english);
