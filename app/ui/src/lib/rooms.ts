/**
 * What a room of the UI may bring, and the two routes that every room hangs below. A room is found by
 * its file, `room.tsx` in a feature's folder: it exports `routes`, and if it likes a `door`, `tabs` and a `banner`.
 *
 *     const notes = createRoute({ getParentRoute: () => house, path: "/notes", component: lazyRouteComponent(…) });
 *     export const routes = [notes];
 *     export const door: Door = { to: "/notes", icon: NotebookPen, name: () => t("notes.heading"), group: "work", place: 50 };
 *     declare module "@/lib/rooms" {
 *       interface Rooms {
 *         notes: typeof routes;
 *       }
 *     }
 */
import type { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext, createRoute, redirect, type LinkProps } from "@tanstack/react-router";
import type { LucideIcon } from "lucide-react";
import type { ComponentType } from "react";

import { meQuery, ranks } from "@/lib/me";
import { asProblem } from "@/lib/problem";
import { renewSession } from "@/lib/session";
import type { Role, Workflow } from "@/lib/types";

type Context = { cache: QueryClient };

export const root = createRootRouteWithContext<Context>()();

/** Everything behind the door: nobody gets past without a session. */
export const house = createRoute({
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
});

/** A `beforeLoad` for rooms that only whoever runs the box may enter. */
export async function superAdminOnly({ context }: { context: Context }): Promise<void> {
  const me = await context.cache.query({ ...meQuery, staleTime: "static" });
  if (!me.user.is_super_admin) throw redirect({ to: "/" });
}

/** A `beforeLoad` for rooms that need a role. */
export function needs(role: Role) {
  return async ({ context }: { context: Context }): Promise<void> => {
    const me = await context.cache.query({ ...meQuery, staleTime: "static" });
    if (!ranks(me.role, role)) throw redirect({ to: "/" });
  };
}

/** The routes of every room by its name, so that links and parameters are typed; each room adds its own. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- filled by the rooms, through merging
export interface Rooms {}

/** The same, for pages before anybody is signed in. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- filled by the rooms, through merging
export interface Porches {}

/** What stands together in the navigation: the daily work, who shares it and by which rules, the machine below. */
export type DoorGroup = "work" | "organization" | "box";

/** The way to a room in the navigation. */
export type Door = {
  to: NonNullable<LinkProps["to"]>;
  icon: LucideIcon;
  name: () => string;
  group: DoorGroup;
  /** Smaller stands further up. */
  place: number;
  isForSuperAdmin?: boolean;
  /** Shown to whoever has this role or a higher one. */
  isFor?: Role;
  /** A hook: how much waits behind it for this person, shown beside its name. */
  useCount?: () => number;
};

/** Above every page of the house, while it has something to say. */
export type Banner = {
  /** Smaller stands further up. */
  place: number;
  Strip: ComponentType;
};

/** One more view of a workflow, on its page. */
export type WorkflowTab = {
  /** As it stands in the address. */
  id: string;
  name: () => string;
  /** Smaller stands further left. */
  place: number;
  Panel: ComponentType<{ workflow: Workflow }>;
};
