/** A workflow that is still empty: what it lacks, and the way there. */
import { Link } from "@tanstack/react-router";
import { Workflow as WorkflowIcon } from "lucide-react";

import { Empty } from "@/components/page";
import { Button } from "@/components/ui/button";
import { useMay } from "@/lib/me";
import { t } from "@/lib/messages";

export function NoSteps({ workflowId }: { workflowId: string }) {
  const mayEdit = useMay("editor");
  return (
    <Empty
      icon={WorkflowIcon}
      heading={t("workflows.no_steps")}
      body={t(mayEdit ? "workflows.no_steps_body" : "workflows.no_steps_viewer")}
      action={
        mayEdit ? (
          <Button asChild variant="primary">
            <Link to="/workflows/$workflowId" params={{ workflowId }} search={{ tab: "json" }}>
              {t("workflows.write_steps")}
            </Link>
          </Button>
        ) : undefined
      }
    />
  );
}
