/** The room of one instance, live. */
import { getRouteApi } from "@tanstack/react-router";

import { InstanceView } from "./instance-view";

const route = getRouteApi("/house/instances/$instanceId");

export function InstancePage() {
  const { instanceId } = route.useParams();
  return <InstanceView key={instanceId} instanceId={instanceId} />;
}
