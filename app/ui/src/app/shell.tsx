/** The house around every signed-in page: where one can go, who one is, and the page itself. */
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, type ReactNode } from "react";

import { AccountMenu } from "@/app/account-menu";
import { banners } from "@/app/found";
import { t } from "@/app/messages";
import { BottomNavigation, SideNavigation } from "@/app/navigation";
import { Skeleton } from "@/components/ui/skeleton";
import { Wordmark } from "@/components/wordmark";
import type { AssetFieldProps } from "@/lib/asset-entry";
import { AssetFields } from "@/lib/asset-fields";
import { cn } from "@/lib/cn";
import { useMe } from "@/lib/me";

function Sidebar() {
  const { organization } = useMe();
  return (
    <aside className="sticky top-0 hidden h-dvh w-56 shrink-0 flex-col border-r border-border bg-surface/60 py-4 md:flex">
      <Link to="/" className="mx-3 rounded-md px-2 py-1">
        <Wordmark />
      </Link>
      <p className="mx-3 mt-4 mb-3 truncate px-2.5 text-[13px] font-medium" title={organization.name}>
        {organization.name}
      </p>
      <SideNavigation />
      <div className="mx-3 mt-3">
        <AccountMenu />
      </div>
    </aside>
  );
}

function TopBar() {
  return (
    <header className="sticky top-0 z-20 flex h-13 items-center justify-between border-b border-border bg-background/85 px-4 backdrop-blur-md md:hidden">
      <Link to="/" className="rounded-md">
        <Wordmark />
      </Link>
      <AccountMenu isSmall />
    </header>
  );
}

/** A thin line while the next page is on its way: the click has been heard. */
function Arriving() {
  const isOnTheWay = useRouterState({ select: (state) => state.status === "pending" });
  return (
    <div
      aria-hidden
      className={cn(
        "pointer-events-none fixed inset-x-0 top-0 z-50 h-0.5 overflow-hidden opacity-0 transition-opacity",
        isOnTheWay && "opacity-100",
      )}
    >
      <div className="h-full w-1/4 animate-sweep bg-accent" />
    </div>
  );
}

const AssetField = lazy(() =>
  import("@/features/assets/asset-field").then((module) => ({ default: module.AssetField })),
);

const assetField = (props: AssetFieldProps): ReactNode => (
  <Suspense fallback={<Skeleton className="h-24" />}>
    <AssetField {...props} />
  </Suspense>
);

export function Shell() {
  return (
    <div className="flex min-h-dvh">
      <a
        href="#content"
        className="sr-only z-50 rounded-md bg-primary px-3 py-2 text-primary-foreground focus:not-sr-only focus:fixed focus:top-3 focus:left-3"
      >
        {t("nav.skip")}
      </a>
      <Arriving />
      <Sidebar />
      <div className="flex min-w-0 flex-1 flex-col max-md:pb-16">
        <TopBar />
        <main id="content" tabIndex={-1} className="flex-1 outline-none">
          {banners.map(({ place, Strip }) => (
            <Strip key={place} />
          ))}
          <AssetFields value={assetField}>
            <Outlet />
          </AssetFields>
        </main>
      </div>
      <BottomNavigation />
    </div>
  );
}
