/** The house around every signed-in page: where one can go, who one is, and the page itself. */
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, type ReactNode } from "react";

import { AccountMenu } from "@/app/account-menu";
import { banners, doors } from "@/app/found";
import { t } from "@/app/messages";
import { Skeleton } from "@/components/ui/skeleton";
import { Wordmark } from "@/components/wordmark";
import type { AssetFieldProps } from "@/lib/asset-entry";
import { AssetFields } from "@/lib/asset-fields";
import { cn } from "@/lib/cn";
import { ranks, useMe } from "@/lib/me";
import type { Door } from "@/lib/rooms";

const LINK =
  "flex items-center rounded-md text-soft transition-colors hover:bg-sunken hover:text-foreground data-[status=active]:text-foreground dark:hover:bg-raised";

function useDoors(): readonly Door[] {
  const { user, role } = useMe();
  return doors.filter(
    (door) =>
      (door.isForSuperAdmin !== true || user.is_super_admin) && (door.isFor === undefined || ranks(role, door.isFor)),
  );
}

/** How much waits behind a door; nothing where nothing does. */
function Count({ useCount, className }: { useCount: () => number; className?: string }) {
  const count = useCount();
  if (count === 0) return null;
  return (
    <span
      className={cn(
        "min-w-5 rounded-full bg-accent px-1.5 text-center text-[11px] leading-5 font-semibold text-background tabular-nums",
        className,
      )}
    >
      {count > 99 ? "99+" : count}
      <span className="sr-only"> {t("nav.waiting")}</span>
    </span>
  );
}

function Sidebar() {
  const { organization } = useMe();
  return (
    <aside className="sticky top-0 hidden h-dvh w-56 shrink-0 flex-col border-r border-border bg-surface/60 px-3 py-4 md:flex">
      <Link to="/" className="rounded-md px-2 py-1">
        <Wordmark />
      </Link>
      <p className="mt-5 mb-1.5 truncate px-2.5 text-xs text-faint" title={organization.name}>
        {organization.name}
      </p>
      <nav aria-label={t("nav.label")} className="flex flex-col gap-0.5">
        {useDoors().map(({ to, icon: Icon, name, useCount }) => (
          <Link
            key={to}
            to={to}
            className={cn(LINK, "h-9 gap-2.5 px-2.5 text-sm font-medium data-[status=active]:bg-idle-soft")}
          >
            <Icon className="size-4" aria-hidden /> {name()}
            {useCount === undefined ? null : <Count useCount={useCount} className="ml-auto" />}
          </Link>
        ))}
      </nav>
      <div className="mt-auto">
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

function BottomBar() {
  return (
    <nav
      aria-label={t("nav.label")}
      className="fixed inset-x-0 bottom-0 z-20 flex overflow-x-auto border-t border-border bg-background/92 pb-[env(safe-area-inset-bottom)] backdrop-blur-md md:hidden"
    >
      {useDoors().map(({ to, icon: Icon, name, useCount }) => (
        <Link
          key={to}
          to={to}
          className={cn(
            LINK,
            "relative h-14 min-w-15 flex-1 flex-col justify-center gap-0.5 rounded-none text-[11px] font-medium",
          )}
        >
          <Icon className="size-5" aria-hidden /> {name()}
          {useCount === undefined ? null : <Count useCount={useCount} className="absolute top-1 left-1/2 ml-1" />}
        </Link>
      ))}
    </nav>
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
      <BottomBar />
    </div>
  );
}
