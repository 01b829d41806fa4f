/** The rooms that are there: every `room.tsx` of a feature, and those the house furnishes from several features. */
import type { AnyRoute } from "@tanstack/react-router";

import type { Banner, Door, Porches, Rooms, WorkflowTab } from "@/lib/rooms";

type RoomModule = {
  /** Pages inside the house. */
  routes?: readonly AnyRoute[];
  /** Pages before anybody is signed in. */
  porch?: readonly AnyRoute[];
  door?: Door;
  tabs?: readonly WorkflowTab[];
  banner?: Banner;
};

type RoutesIn<Found> = Extract<Found[keyof Found], readonly AnyRoute[]>[number];

const modules = Object.values(
  import.meta.glob<RoomModule>(["/src/features/*/room.tsx", "/src/app/rooms/*.tsx"], { eager: true }),
);

const inOrder = <T extends { place: number }>(list: readonly T[]): readonly T[] =>
  list.toSorted((one, other) => one.place - other.place);

// Each room declares the type of its routes beside them, in `Rooms` or `Porches`.
export const routes = modules.flatMap((room) => room.routes ?? []) as unknown as readonly RoutesIn<Rooms>[];
export const porch = modules.flatMap((room) => room.porch ?? []) as unknown as readonly RoutesIn<Porches>[];
export const doors = inOrder(modules.flatMap((room) => room.door ?? []));
export const tabs = inOrder(modules.flatMap((room) => room.tabs ?? []));
export const banners = inOrder(modules.flatMap((room) => room.banner ?? []));
