/** The room of all files: what kind to see, and the gallery. */
import { getRouteApi, Link } from "@tanstack/react-router";

import { Page } from "@/components/page";
import { Button } from "@/components/ui/button";
import { FILE_PORTS, type FilePort } from "@/lib/asset-entry";

import { Gallery } from "./gallery";
import { t, type PlainKey } from "./messages";

const KIND_NAMES: Record<FilePort, PlainKey> = {
  file: "assets.kind_file",
  image: "assets.kind_image",
  video: "assets.kind_video",
  audio: "assets.kind_audio",
};

const route = getRouteApi("/house/assets");

export function AssetsPage() {
  const { kind = "file" } = route.useSearch();
  return (
    <Page title={t("assets.heading")} subtitle={t("assets.subtitle")} isWide>
      <nav aria-label={t("assets.kinds")} className="mb-4 flex gap-1">
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
              search={name === "file" ? {} : { kind: name }}
              activeOptions={{ exact: true, includeSearch: true }}
            >
              {t(KIND_NAMES[name])}
            </Link>
          </Button>
        ))}
      </nav>
      <Gallery kind={kind} />
    </Page>
  );
}
