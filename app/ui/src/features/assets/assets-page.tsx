/** The room of all files: what kind to see, and the gallery. */
import { getRouteApi, Link } from "@tanstack/react-router";
import { useCallback } from "react";

import { Page } from "@/components/page";
import { Button } from "@/components/ui/button";
import { FILE_PORTS, type FilePort } from "@/lib/asset-entry";

import { Gallery } from "./gallery";
import { t, type PlainKey } from "./messages";
import type { Search } from "./search";
import { SearchBar } from "./search-bar";

const KIND_NAMES: Record<FilePort, PlainKey> = {
  file: "assets.kind_file",
  image: "assets.kind_image",
  video: "assets.kind_video",
  audio: "assets.kind_audio",
};

const route = getRouteApi("/house/assets");

export function AssetsPage() {
  const current = route.useSearch();
  const search = route.useLoaderDeps();
  const navigate = route.useNavigate();
  const change = useCallback(
    ({ origin, name }: Partial<Search>): void => {
      const change = {
        ...(origin && { from: origin === "kept" ? undefined : origin }),
        ...(name !== undefined && { name: name || undefined }),
      };
      void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
    },
    [navigate],
  );
  return (
    <Page title={t("assets.heading")} subtitle={t("assets.subtitle")} isWide>
      <Gallery search={search}>
        <nav aria-label={t("assets.kinds")} className="flex gap-1">
          {FILE_PORTS.map((name) => (
            <Button
              key={name}
              asChild
              size="sm"
              variant="quiet"
              className="data-[status=active]:bg-idle-soft data-[status=active]:text-foreground"
            >
              <Link
                to="/assets"
                search={{ ...current, kind: name === "file" ? undefined : name }}
                activeOptions={{ exact: true, includeSearch: true }}
              >
                {t(KIND_NAMES[name])}
              </Link>
            </Button>
          ))}
        </nav>
        <SearchBar search={search} onChange={change} />
      </Gallery>
    </Page>
  );
}
