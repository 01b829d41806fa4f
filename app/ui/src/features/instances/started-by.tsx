/** Which trigger started a run, with the way to it. */
import { Link } from "@tanstack/react-router";

import type { Instance } from "@/lib/types";

import { t } from "./messages";

/** By source, in words; without a name where its log knows of the run no more. */
const TRIGGERS: Record<string, (name: string | undefined) => string> = {
  webhook: (name) => (name === undefined ? t("instance.by_webhook") : t("instance.by_this_webhook", { name })),
  schedule: (name) => (name === undefined ? t("instance.by_schedule") : t("instance.by_this_schedule", { name })),
};

export function StartedBy({ instance }: { instance: Instance }) {
  const words = TRIGGERS[instance.source];
  if (words === undefined) return null;
  const starter = instance.started_by ?? null;
  return (
    <>
      {" "}
      <Link
        to="/workflows/$workflowId"
        params={{ workflowId: instance.workflow_id }}
        search={{ tab: "triggers", ...(starter === null ? {} : { of: starter.id, entry: starter.entry_id }) }}
        className="rounded underline underline-offset-2"
      >
        {words(starter?.name)}
      </Link>
    </>
  );
}
