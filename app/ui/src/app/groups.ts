/** Doors that stand together, and which of them one has gone through. */
import type { Door, DoorGroup } from "@/lib/rooms";

export type Grouped = { id: DoorGroup; doors: readonly Door[] };

/** Groups in the order of their first door; one without a door for this person is not there. */
export function groupsOf(doors: readonly Door[]): readonly Grouped[] {
  const found = new Map<DoorGroup, Door[]>();
  for (const door of doors) found.set(door.group, [...(found.get(door.group) ?? []), door]);
  return [...found].map(([id, inside]) => ({ id, doors: inside }));
}

/** The door to the page at this address, or to the page it stands below. */
export function doorTo(doors: readonly Door[], path: string): Door | undefined {
  return doors.find(({ to }) => path === to || path.startsWith(`${to}/`));
}

/** What somebody opened or closed by hand. */
export type Chosen = { readonly [group in DoorGroup]?: boolean };

/** Open is where one is and what comes first, unless somebody said otherwise. */
export function isOpen(
  id: DoorGroup,
  groups: readonly Grouped[],
  here: DoorGroup | undefined,
  chosen: Chosen,
): boolean {
  return chosen[id] ?? (id === here || id === groups[0]?.id);
}
