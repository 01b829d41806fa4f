/** Assets: everything that was uploaded here or made by an instance. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { Images } from "lucide-react";

import { oneOf } from "@/lib/addresses";
import { FILE_PORTS, type FilePort } from "@/lib/asset-entry";
import { house, type Door } from "@/lib/rooms";

import { assetsQuery } from "./api";
import { t } from "./messages";

const assets = createRoute({
  getParentRoute: () => house,
  path: "/assets",
  validateSearch: (search): { kind?: FilePort } => ({ kind: oneOf(FILE_PORTS, search["kind"]) }),
  loaderDeps: ({ search }) => ({ kind: search.kind ?? "file" }),
  loader: ({ context, deps }) => context.cache.infiniteQuery({ ...assetsQuery(deps.kind), staleTime: "static" }),
  component: lazyRouteComponent(() => import("./assets-page"), "AssetsPage"),
});

export const routes = [assets];
export const door: Door = { to: "/assets", icon: Images, name: () => t("assets.heading"), place: 30 };

declare module "@/lib/rooms" {
  interface Rooms {
    assets: typeof routes;
  }
}
