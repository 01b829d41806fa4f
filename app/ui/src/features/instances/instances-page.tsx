/** The room of all instances. */
import { Page } from "@/components/page";

import { InstanceList } from "./instance-list";
import { t } from "./messages";

export function InstancesPage() {
  return (
    <Page title={t("instances.heading")} subtitle={t("instances.subtitle")}>
      <InstanceList workflowId={null} />
    </Page>
  );
}
