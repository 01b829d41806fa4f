/** The rooms of instances: all of them, and one of them live. */
import { getRouteApi } from "@tanstack/react-router";

import { Page } from "@/components/page";
import { InstanceList } from "@/features/instances/instance-list";
import { InstanceView } from "@/features/instances/instance-view";
import { t } from "@/lib/messages";

export function InstancesPage() {
  return (
    <Page title={t("instances.heading")} subtitle={t("instances.subtitle")}>
      <InstanceList workflowId={null} />
    </Page>
  );
}

const route = getRouteApi("/house/instances/$instanceId");

export function InstancePage() {
  const { instanceId } = route.useParams();
  return <InstanceView key={instanceId} instanceId={instanceId} />;
}
