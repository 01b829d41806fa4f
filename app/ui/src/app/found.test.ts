import { readdirSync } from "node:fs";

import { expect, test, vi } from "vitest";

import { groupsOf } from "@/app/groups";
import type { Banner, Door, WorkflowTab } from "@/lib/rooms";

vi.hoisted(() => vi.stubGlobal("window", { location: { origin: "http://studio.test" } }));

const { banners, doors, porch, routes, tabs } = await import("@/app/found");

type RoomModule = {
  routes?: readonly unknown[];
  porch?: readonly unknown[];
  door?: Door;
  tabs?: readonly WorkflowTab[];
  banner?: Banner;
};

const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((path) =>
  /^(features\/[^/]+\/room|app\/rooms\/[^/]+)\.tsx$/.test(path),
);

test("there are rooms to look at", () => {
  expect(files.length).toBeGreaterThan(3);
});

test.each(files)("%s is found with all it brings", async (file: string) => {
  const room = (await import(/* @vite-ignore */ `/src/${file}`)) as RoomModule;
  for (const route of room.routes ?? []) expect(routes).toContain(route);
  for (const route of room.porch ?? []) expect(porch).toContain(route);
  for (const tab of room.tabs ?? []) expect(tabs).toContain(tab);
  if (room.door) expect(doors).toContain(room.door);
  if (room.banner) expect(banners).toContain(room.banner);
});

test("every door leads to a page of its own, and no two things stand in one place", () => {
  const paths = routes.map(({ options }) => (options as { path?: string }).path);
  for (const door of doors) expect(paths).toContain(door.to);
  expect(new Set(doors.map(({ place }) => place)).size).toBe(doors.length);
  expect(new Set(tabs.map(({ place }) => place)).size).toBe(tabs.length);
  expect(new Set(tabs.map(({ id }) => id)).size).toBe(tabs.length);
});

test("the doors of a group stand together, so that the order of the places is the order one sees", () => {
  const seen = groupsOf(doors).flatMap((group) => group.doors);
  expect(seen).toEqual(doors);
});
