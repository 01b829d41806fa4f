/** The way in: signing in, or claiming a box that is nobody's yet. */
import { createRoute, lazyRouteComponent, redirect } from "@tanstack/react-router";

import { setupQuery } from "@/features/setup/api";
import { innerAddress, textOf } from "@/lib/addresses";
import { root } from "@/lib/rooms";

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch: (search): { to?: string } => ({ to: innerAddress(search["to"]) }),
  beforeLoad: async ({ context }) => {
    const { claimed } = await context.cache.query(setupQuery);
    if (!claimed) throw redirect({ to: "/setup", search: {} });
  },
  component: lazyRouteComponent(() => import("@/app/pages/entrance"), "LoginPage"),
});

const setup = createRoute({
  getParentRoute: () => root,
  path: "/setup",
  validateSearch: (search): { token?: string } => ({ token: textOf(search["token"]) }),
  beforeLoad: async ({ context }) => {
    const { claimed } = await context.cache.query(setupQuery);
    if (claimed) throw redirect({ to: "/login", search: {} });
  },
  component: lazyRouteComponent(() => import("@/app/pages/entrance"), "SetupPage"),
});

export const porch = [login, setup];

declare module "@/lib/rooms" {
  interface Porches {
    entrance: typeof porch;
  }
}
