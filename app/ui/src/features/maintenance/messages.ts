import { catalogue } from "@/lib/messages";

const english = {
  "care.heading": "Maintenance",
  "care.subtitle": "A time in which nothing new starts. What runs ends; sign-in and results work all the time.",
  "care.on": "The box is in maintenance",
  "care.on_body": "Nothing new starts until it is over; what has begun goes on, and results can be read.",
  "care.soon": "Maintenance begins in {left}",
  "care.soon_body": "Nothing new starts from then on; what has begun goes on.",
  "care.said": "{name}: “{message}”",
  "care.begins": "It begins",
  "care.now": "Now",
  "care.in_5": "In 5 minutes",
  "care.in_15": "In 15 minutes",
  "care.in_60": "In an hour",
  "care.message": "What people are told",
  "care.message_hint": "Beside the time, such as why and for how long.",
  "care.announce": "Announce",
  "care.begin": "Begin maintenance",
  "care.end": "End maintenance",
  "care.call_off": "Call it off",
  "care.lanes": "Lanes",
  "care.lanes_body":
    "A lane that is drained hands out no more steps. Its workers finish what they have begun; then they can be stopped.",
  "care.lane_work": "{running} running, {queued} waiting",
  "care.drain": "Drain",
  "care.resume": "Resume",
  "care.drained": "Drained",
} as const;

export const { t } = catalogue(english);
