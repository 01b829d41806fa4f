/** Assets: everything that was uploaded here or made by an instance. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { Images } from "lucide-react";

import { oneOf, textOf } from "@/lib/addresses";
import { FILE_PORTS, type FilePort } from "@/lib/asset-entry";
import { house, type Door } from "@/lib/rooms";

import { assetsQuery } from "./api";
import { t } from "./messages";
import { ORIGINS, type Origin } from "./search";

const assets = createRoute({
  getParentRoute: () => house,
  path: "/assets",
  validateSearch: (search): { kind?: FilePort; from?: Origin; name?: string } => ({
    kind: oneOf(FILE_PORTS, search["kind"]),
    from: oneOf(ORIGINS, search["from"]),
    name: textOf(search["name"]),
  }),
  loaderDeps: ({ search }) => ({
    kind: search.kind ?? "file",
    origin: search.from ?? "kept",
    name: search.name ?? "",
  }),
  loader: ({ context, deps }) => {
    // Not waited for: a page that goes away while somebody types takes the letters along.
    void context.cache.infiniteQuery({ ...assetsQuery(deps), staleTime: "static" }).catch(() => undefined);
  },
  component: lazyRouteComponent(() => import("./assets-page"), "AssetsPage"),
});

export const routes = [assets];
export const door: Door = { to: "/assets", icon: Images, name: () => t("assets.heading"), group: "work", place: 24 };

declare module "@/lib/rooms" {
  interface Rooms {
    assets: typeof routes;
  }
}
