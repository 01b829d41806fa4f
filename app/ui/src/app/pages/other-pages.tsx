/** The small rooms: the gallery, the system, and no room at all. */
import { getRouteApi, Link, type ErrorComponentProps } from "@tanstack/react-router";
import { useQueryErrorResetBoundary } from "@tanstack/react-query";
import { Compass } from "lucide-react";

import { Empty, Page } from "@/components/page";
import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { Gallery } from "@/features/assets/gallery";
import { SystemView } from "@/features/infrastructure/system-view";
import type { FilePort } from "@/lib/asset-entry";
import { t, type PlainKey } from "@/lib/messages";
import { asProblem } from "@/lib/problem";

export const ASSET_KINDS: readonly FilePort[] = ["file", "image", "video", "audio"];
const KIND_NAMES: Record<FilePort, PlainKey> = {
  file: "assets.kind_file",
  image: "assets.kind_image",
  video: "assets.kind_video",
  audio: "assets.kind_audio",
};

const assets = getRouteApi("/house/assets");

export function AssetsPage() {
  const { kind = "file" } = assets.useSearch();
  return (
    <Page title={t("assets.heading")} subtitle={t("assets.subtitle")} isWide>
      <nav aria-label={t("assets.kinds")} className="mb-4 flex gap-1">
        {ASSET_KINDS.map((name) => (
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

export function SystemPage() {
  return (
    <Page title={t("nav.system")} subtitle={t("system.subtitle")}>
      <SystemView />
    </Page>
  );
}

export function NotFoundPage() {
  return (
    <Page title={t("missing.title")}>
      <Empty
        icon={Compass}
        heading={t("missing.heading")}
        body={t("missing.body")}
        action={
          <Button asChild variant="primary">
            <Link to="/workflows">{t("missing.home")}</Link>
          </Button>
        }
      />
    </Page>
  );
}

export function ErrorPage({ error, reset }: ErrorComponentProps) {
  const queries = useQueryErrorResetBoundary();
  if (asProblem(error).status === 404) return <NotFoundPage />;
  return (
    <Page title={t("problem.page")}>
      <ProblemNote error={error}>
        <Button
          size="sm"
          className="mt-3"
          onClick={() => {
            queries.reset();
            reset();
          }}
        >
          {t("common.retry")}
        </Button>
      </ProblemNote>
    </Page>
  );
}

/** A page of grey while its data is on the way. */
export function PendingPage() {
  return (
    <div className="mx-auto w-full max-w-5xl px-4 pt-5 sm:px-7 sm:pt-7" role="status" aria-label={t("common.loading")}>
      <Skeleton className="mb-2 h-7 w-52" />
      <Skeleton className="mb-6 h-4 w-72" />
      <Skeleton className="h-64 rounded-xl" />
    </div>
  );
}
