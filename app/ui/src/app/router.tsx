/** The tree of pages: the rooms that were found, inside the house or before it, and the way back from nowhere. */
import { QueryClient } from "@tanstack/react-query";
import { createRoute, createRouter, Outlet, redirect } from "@tanstack/react-router";

import { porch, routes } from "@/app/found";
import { ErrorPage, NotFoundPage, PendingPage } from "@/app/pages/states";
import { Shell } from "@/app/shell";
import { asProblem, isSilence } from "@/lib/problem";
import { house, root } from "@/lib/rooms";

const home = createRoute({
  getParentRoute: () => house,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/workflows" });
  },
});

/** Any other address; inside the house, so that the way out is at hand. */
const nowhere = createRoute({ getParentRoute: () => house, path: "$", component: NotFoundPage });

root.update({ component: Outlet, notFoundComponent: NotFoundPage });
house.update({ component: Shell });
const tree = root.addChildren([...porch, house.addChildren([home, ...routes, nowhere])]);

export const cache = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // A refusal stays a refusal; only silence is worth asking again.
      retry: (count, error) => count < 2 && isSilence(asProblem(error)),
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
