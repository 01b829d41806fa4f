/** Schedules and webhooks side by side. */
import { useSearch } from "@tanstack/react-router";

import { t } from "@/app/messages";
import { Page } from "@/components/page";
import { AssetField } from "@/features/assets/asset-field";
import { InputFields } from "@/features/instances/input-fields";
import { ScheduleList } from "@/features/schedules/schedule-list";
import { WebhookList } from "@/features/webhooks/webhook-list";

export function Triggers({ workflowId }: { workflowId: string | null }) {
  const { of, entry } = useSearch({ strict: false });
  const shown = of === undefined || entry === undefined ? null : { of, entry };
  return (
    <div className="space-y-9">
      <ScheduleList
        workflowId={workflowId}
        shown={shown}
        renderFields={(props) => <InputFields {...props} renderAssets={(asset) => <AssetField {...asset} />} />}
      />
      <WebhookList workflowId={workflowId} shown={shown} />
    </div>
  );
}

export function TriggersPage() {
  return (
    <Page title={t("triggers.heading")} subtitle={t("triggers.subtitle")}>
      <Triggers workflowId={null} />
    </Page>
  );
}
