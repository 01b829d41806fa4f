/** Where one can go: groups of doors at the side, on a telephone a bar with the first ones and a sheet with all. */
import { Link, useRouterState } from "@tanstack/react-router";
import { ChevronRight, Ellipsis } from "lucide-react";
import { useId, useState } from "react";

import { doors as everyDoor } from "@/app/found";
import { doorTo, groupsOf, isOpen, type Chosen, type Grouped } from "@/app/groups";
import { t } from "@/app/messages";
import { Dialog, DialogClose, DialogTrigger, DialogWindow } from "@/components/ui/dialog";
import { cn } from "@/lib/cn";
import { ranks, useMe } from "@/lib/me";
import type { Door, DoorGroup } from "@/lib/rooms";

const LINK =
  "flex items-center rounded-md text-soft transition-colors hover:bg-sunken hover:text-foreground data-[status=active]:text-foreground dark:hover:bg-raised";
const TAB = cn(
  LINK,
  "relative h-14 min-w-0 flex-1 flex-col justify-center gap-0.5 rounded-none text-[11px] font-medium",
);
/** So many fit beside “More” under the thumbs of the narrowest telephone. */
const AT_HAND = 4;

function useDoors(): readonly Door[] {
  const { user, role } = useMe();
  return everyDoor.filter(
    (door) =>
      (door.isForSuperAdmin !== true || user.is_super_admin) && (door.isFor === undefined || ranks(role, door.isFor)),
  );
}

function useHere(doors: readonly Door[]): Door | undefined {
  return useRouterState({ select: ({ location }) => doorTo(doors, location.pathname) });
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

function Counts({ doors, className }: { doors: readonly Door[]; className?: string }) {
  return doors.map(({ to, useCount }) =>
    useCount === undefined ? null : <Count key={to} useCount={useCount} className={className} />,
  );
}

const KEY = "studio.navigation";

/** A taste of this browser, as the theme is. */
function stored(): Chosen {
  try {
    return JSON.parse(window.localStorage.getItem(KEY) ?? "{}") as Chosen;
  } catch {
    return {}; // storage may be blocked, or hold something else
  }
}

function keep(chosen: Chosen): void {
  try {
    window.localStorage.setItem(KEY, JSON.stringify(chosen));
  } catch {
    // The choice then lasts until the page is left.
  }
}

/** Which groups are open. Whoever goes into a group that was closed opens it. */
function useOpenGroups(groups: readonly Grouped[], here: DoorGroup | undefined) {
  const [chosen, setChosen] = useState(stored);
  const [before, setBefore] = useState(here);
  if (before !== here) {
    setBefore(here);
    if (here !== undefined && chosen[here] === false) setChosen({ ...chosen, [here]: true });
  }
  return {
    isOpen: (id: DoorGroup) => isOpen(id, groups, here, chosen),
    choose: (id: DoorGroup, wanted: boolean) => {
      const next = { ...chosen, [id]: wanted };
      setChosen(next);
      keep(next);
    },
  };
}

function SideLinks({ doors }: { doors: readonly Door[] }) {
  return doors.map(({ to, icon: Icon, name, useCount }) => (
    <Link
      key={to}
      to={to}
      className={cn(LINK, "h-8.5 gap-2.5 px-2.5 text-sm font-medium data-[status=active]:bg-idle-soft")}
    >
      <Icon className="size-4" aria-hidden /> {name()}
      {useCount === undefined ? null : <Count useCount={useCount} className="ml-auto" />}
    </Link>
  ));
}

type GroupProps = { group: Grouped; isOpen: boolean; isHere: boolean; onToggle: () => void };

function SideGroup({ group: { id, doors }, isOpen, isHere, onToggle }: GroupProps) {
  const list = useId();
  return (
    <div>
      <button
        type="button"
        aria-expanded={isOpen}
        aria-controls={list}
        onClick={onToggle}
        className={cn(
          LINK,
          "h-7 w-full gap-1.5 px-2.5 text-xs font-medium text-faint",
          isHere && !isOpen && "text-foreground",
        )}
      >
        {t(`nav.${id}`)}
        <ChevronRight className={cn("size-3.5 transition-transform", isOpen && "rotate-90")} aria-hidden />
        {isOpen ? null : (
          <span className="ml-auto flex gap-1">
            <Counts doors={doors} />
          </span>
        )}
      </button>
      <div id={list} role="group" aria-label={t(`nav.${id}`)} hidden={!isOpen} className="flex flex-col gap-0.5">
        <SideLinks doors={doors} />
      </div>
    </div>
  );
}

export function SideNavigation() {
  const doors = useDoors();
  const groups = groupsOf(doors);
  const here = useHere(doors)?.group;
  const { isOpen, choose } = useOpenGroups(groups, here);
  return (
    <nav aria-label={t("nav.label")} className="flex min-h-0 flex-1 flex-col gap-3 overflow-y-auto px-3 pb-1">
      {groups.length === 1 ? (
        <div className="flex flex-col gap-0.5">
          <SideLinks doors={doors} />
        </div>
      ) : (
        groups.map((group) => (
          <SideGroup
            key={group.id}
            group={group}
            isOpen={isOpen(group.id)}
            isHere={group.id === here}
            onToggle={() => choose(group.id, !isOpen(group.id))}
          />
        ))
      )}
    </nav>
  );
}

/** Every door, for who wants more than what is at hand. */
function Everywhere({ groups, hidden }: { groups: readonly Grouped[]; hidden: readonly Door[] }) {
  const here = useHere(hidden);
  return (
    <Dialog>
      <DialogTrigger className={TAB} data-status={here === undefined ? undefined : "active"}>
        <Ellipsis className="size-5" aria-hidden /> {t("nav.more")}
        <span className="absolute top-1 left-1/2 ml-1 flex gap-0.5">
          <Counts doors={hidden} />
        </span>
      </DialogTrigger>
      <DialogWindow heading={t("nav.everywhere")}>
        <nav aria-label={t("nav.everywhere")} className="min-h-0 space-y-4 overflow-y-auto px-3 pb-5">
          {groups.map(({ id, doors }) => (
            <section key={id} aria-label={t(`nav.${id}`)}>
              <h3 className="px-2.5 pb-1 text-xs font-medium text-faint" aria-hidden>
                {t(`nav.${id}`)}
              </h3>
              <div className="grid grid-cols-2 gap-1">
                {doors.map(({ to, icon: Icon, name, useCount }) => (
                  <DialogClose key={to} asChild>
                    <Link
                      to={to}
                      className={cn(LINK, "h-11 gap-2.5 px-2.5 font-medium data-[status=active]:bg-idle-soft")}
                    >
                      <Icon className="size-4.5 shrink-0" aria-hidden /> <span className="truncate">{name()}</span>
                      {useCount === undefined ? null : <Count useCount={useCount} className="ml-auto" />}
                    </Link>
                  </DialogClose>
                ))}
              </div>
            </section>
          ))}
        </nav>
      </DialogWindow>
    </Dialog>
  );
}

export function BottomNavigation() {
  const doors = useDoors();
  const fits = doors.length <= AT_HAND + 1;
  const shown = fits ? doors : doors.slice(0, AT_HAND);
  return (
    <nav
      aria-label={t("nav.label")}
      className="fixed inset-x-0 bottom-0 z-20 flex border-t border-border bg-background/92 pb-[env(safe-area-inset-bottom)] backdrop-blur-md md:hidden"
    >
      {shown.map(({ to, icon: Icon, name, useCount }) => (
        <Link key={to} to={to} className={TAB}>
          <Icon className="size-5" aria-hidden /> {name()}
          {useCount === undefined ? null : <Count useCount={useCount} className="absolute top-1 left-1/2 ml-1" />}
        </Link>
      ))}
      {fits ? null : <Everywhere groups={groupsOf(doors)} hidden={doors.slice(AT_HAND)} />}
    </nav>
  );
}
