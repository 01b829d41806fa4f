/** One workflow with its current definition: the form, the graph and the one-click run all read it. */
import { queryOptions } from "@tanstack/react-query";

import { api, take } from "@/lib/api";

export const workflowQuery = (id: string) =>
  queryOptions({
    queryKey: ["workflows", "one", id],
    queryFn: ({ signal }) =>
      take(api.GET("/api/v1/workflows/{workflow_id}", { params: { path: { workflow_id: id } }, signal })),
  });
