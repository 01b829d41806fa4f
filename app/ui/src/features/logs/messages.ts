import { catalogue } from "@/lib/messages";

const english = {
  "logs.heading": "Logs",
  "logs.subtitle":
    "What every program of the box says, Postgres and Redis too. What steps write stands with their run.",
  "logs.filters": "Filters",
  "logs.program": "Program",
  "logs.level": "Level",
  "logs.every": "All",
  "logs.and_worse": "{level} and worse",
  "logs.text": "Text or id",
  "logs.live": "Keep looking",
  "logs.list": "Lines",
  "logs.empty": "No such line",
  "logs.empty_body":
    "Nothing that is kept fits these filters. Lines are kept as far back as STUDIO_LOG_KEEP_BYTES allows.",
} as const;

export const { t } = catalogue(english);
