/** One workflow with its current definition: the form, the graph and the one-click run all read it. */
import { queryOptions } from "@tanstack/react-query";

import { call } from "@/lib/api";
import type { Workflow } from "@/lib/types";

export const workflowQuery = (id: string) =>
  queryOptions({
    queryKey: ["workflows", "one", id],
    queryFn: ({ signal }) => call<Workflow>("GET", `/workflows/${id}`, { signal }),
  });
