/** Which page stands under which address, and who may enter. */
import { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext, createRoute, createRouter, Outlet, redirect } from "@tanstack/react-router";

import { LoginPage, SetupPage } from "@/app/pages/auth-pages";
import { InstancePage, InstancesPage } from "@/app/pages/instance-pages";
import { ASSET_KINDS, AssetsPage, ErrorPage, NotFoundPage, PendingPage, SystemPage } from "@/app/pages/other-pages";
import { NewWorkflowPage, WORKFLOW_TABS, WorkflowPage, WorkflowsPage } from "@/app/pages/workflow-pages";
import { Shell } from "@/app/shell";
import { assetsQuery } from "@/features/assets/api";
import { instanceQuery, instancesQuery, stepsQuery } from "@/features/instances/api";
import { setupQuery } from "@/features/setup/api";
import { versionsQuery, workflowsQuery } from "@/features/workflows/api";
import { meQuery } from "@/lib/me";
import { asProblem } from "@/lib/problem";
import { renewSession } from "@/lib/session";
import { workflowQuery } from "@/lib/workflow";

const oneOf = <T extends string>(list: readonly T[], value: unknown): T | undefined =>
  list.find((entry) => entry === value);
const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

/** An address inside this page; anything else would let a link send people elsewhere after signing in. */
function innerAddress(value: unknown): string | undefined {
  const address = textOf(value);
  return address?.startsWith("/") && !address.startsWith("//") && !address.includes("\\") ? address : undefined;
}

const root = createRootRouteWithContext<{ cache: QueryClient }>()({
  component: Outlet,
  notFoundComponent: NotFoundPage,
});

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch: (search): { to?: string } => ({ to: innerAddress(search["to"]) }),
  beforeLoad: async ({ context }) => {
    const { claimed } = await context.cache.query(setupQuery);
    if (!claimed) throw redirect({ to: "/setup", search: {} });
  },
  component: LoginPage,
});

const setup = createRoute({
  getParentRoute: () => root,
  path: "/setup",
  validateSearch: (search): { token?: string } => ({ token: textOf(search["token"]) }),
  beforeLoad: async ({ context }) => {
    const { claimed } = await context.cache.query(setupQuery);
    if (claimed) throw redirect({ to: "/login", search: {} });
  },
  component: SetupPage,
});

/** Everything behind the door: nobody gets past without a session. */
const house = createRoute({
  getParentRoute: () => root,
  id: "house",
  beforeLoad: async ({ context, location }) => {
    try {
      await context.cache.query({ ...meQuery, staleTime: "static" });
    } catch (error) {
      if (asProblem(error).status !== 401) throw error;
      if (await renewSession()) await context.cache.query(meQuery);
      else throw redirect({ to: "/login", search: location.href === "/" ? {} : { to: location.href } });
    }
  },
  component: Shell,
});

const home = createRoute({
  getParentRoute: () => house,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/workflows" });
  },
});

const workflows = createRoute({
  getParentRoute: () => house,
  path: "/workflows",
  loader: ({ context }) => context.cache.infiniteQuery({ ...workflowsQuery, staleTime: "static" }),
  component: WorkflowsPage,
});

const newWorkflow = createRoute({ getParentRoute: () => house, path: "/workflows/new", component: NewWorkflowPage });

const workflow = createRoute({
  getParentRoute: () => house,
  path: "/workflows/$workflowId",
  validateSearch: (search): { tab?: (typeof WORKFLOW_TABS)[number]; from?: string } => ({
    tab: oneOf(WORKFLOW_TABS, search["tab"]),
    from: textOf(search["from"]),
  }),
  loader: ({ context, params }) => {
    void context.cache.infiniteQuery(versionsQuery(params.workflowId)).catch(() => undefined);
    return context.cache.query({ ...workflowQuery(params.workflowId), staleTime: "static" });
  },
  component: WorkflowPage,
});

const instances = createRoute({
  getParentRoute: () => house,
  path: "/instances",
  loader: ({ context }) => context.cache.infiniteQuery({ ...instancesQuery(null), staleTime: "static" }),
  component: InstancesPage,
});

const instance = createRoute({
  getParentRoute: () => house,
  path: "/instances/$instanceId",
  loader: ({ context, params }) =>
    Promise.all([
      context.cache.query({ ...instanceQuery(params.instanceId), staleTime: "static" }),
      context.cache.query({ ...stepsQuery(params.instanceId), staleTime: "static" }),
    ]),
  component: InstancePage,
});

const assets = createRoute({
  getParentRoute: () => house,
  path: "/assets",
  validateSearch: (search): { kind?: (typeof ASSET_KINDS)[number] } => ({ kind: oneOf(ASSET_KINDS, search["kind"]) }),
  loaderDeps: ({ search }) => ({ kind: search.kind ?? "file" }),
  loader: ({ context, deps }) => context.cache.infiniteQuery({ ...assetsQuery(deps.kind), staleTime: "static" }),
  component: AssetsPage,
});

const system = createRoute({
  getParentRoute: () => house,
  path: "/system",
  beforeLoad: async ({ context }) => {
    const me = await context.cache.query({ ...meQuery, staleTime: "static" });
    if (!me.user.is_super_admin) throw redirect({ to: "/workflows" });
  },
  component: SystemPage,
});

/** Any other address; inside the house, so that the way out is at hand. */
const nowhere = createRoute({ getParentRoute: () => house, path: "$", component: NotFoundPage });

const tree = root.addChildren([
  login,
  setup,
  house.addChildren([home, workflows, newWorkflow, workflow, instances, instance, assets, system, nowhere]),
]);

export const cache = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // A refusal stays a refusal; only silence is worth asking again.
      retry: (count, error) => count < 2 && [0, 502, 503, 504].includes(asProblem(error).status),
    },
  },
});

export const router = createRouter({
  routeTree: tree,
  context: { cache },
  defaultPreload: "intent",
  // Freshness is decided by the query cache.
  defaultPreloadStaleTime: 0,
  defaultPendingMs: 150,
  defaultPendingMinMs: 200,
  defaultPendingComponent: PendingPage,
  defaultErrorComponent: ErrorPage,
  defaultNotFoundComponent: NotFoundPage,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
