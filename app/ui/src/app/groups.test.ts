import { Play } from "lucide-react";
import { expect, test } from "vitest";

import { doorTo, groupsOf, isOpen } from "@/app/groups";
import type { Door, DoorGroup } from "@/lib/rooms";

const door = (to: Door["to"], group: DoorGroup, place: number): Door => ({
  to,
  group,
  place,
  icon: Play,
  name: () => to,
});
const doors = [door("/workflows", "work", 1), door("/instances", "work", 2), door("/logs", "box", 3)];
const groups = groupsOf(doors);

test("groups come in the order of their doors, and none without a door", () => {
  expect(groups.map(({ id }) => id)).toEqual(["work", "box"]);
  expect(groups[0]?.doors.map(({ to }) => to)).toEqual(["/workflows", "/instances"]);
});

test("a page below a room belongs to its door, and one that only begins alike does not", () => {
  expect(doorTo(doors, "/workflows/123")?.to).toBe("/workflows");
  expect(doorTo(doors, "/workflowsmith")).toBeUndefined();
});

test("the first group and the one that one is in are open, unless somebody closed them", () => {
  expect(isOpen("work", groups, "box", {})).toBe(true);
  expect(isOpen("box", groups, "box", {})).toBe(true);
  expect(isOpen("box", groups, "work", {})).toBe(false);
  expect(isOpen("box", groups, "work", { box: true })).toBe(true);
  expect(isOpen("work", groups, "work", { work: false })).toBe(false);
});
