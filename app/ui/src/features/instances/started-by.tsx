/** Which trigger started a run, with the way to it. */
import { Link } from "@tanstack/react-router";

import type { Instance } from "@/lib/types";

import { t, type PlainKey } from "./messages";

const TRIGGERS: Record<string, PlainKey> = {
  webhook: "instance.by_webhook",
  schedule: "instance.by_schedule",
};

export function StartedBy({ instance }: { instance: Instance }) {
  const words = TRIGGERS[instance.source];
  if (words === undefined) return null;
  return (
    <>
      {" "}
      <Link
        to="/workflows/$workflowId"
        params={{ workflowId: instance.workflow_id }}
        search={{ tab: "triggers" }}
        className="rounded underline underline-offset-2"
      >
        {t(words)}
      </Link>
    </>
  );
}
