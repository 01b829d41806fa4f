/** Gives a person the workflow that runs as a file. */
import { Download } from "lucide-react";
import { toast } from "sonner";

import { Button } from "@/components/ui/button";
import { asProblem } from "@/lib/problem";

import { useExportWorkflow } from "./api";
import { t } from "./messages";

export function ExportButton({ workflowId }: { workflowId: string }) {
  const download = useExportWorkflow(workflowId);
  return (
    <Button
      isBusy={download.isPending}
      onClick={() => download.mutate(null, { onError: (error) => toast.error(asProblem(error).message) })}
    >
      {download.isPending ? null : <Download aria-hidden />} {t("workflows.export")}
    </Button>
  );
}
