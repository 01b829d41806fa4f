/** The frame of a page: its title line with actions, and what stands where nothing is yet. */
import type { LucideIcon } from "lucide-react";
import { useEffect, type ReactNode } from "react";

import { cn } from "@/lib/cn";
import { t } from "@/lib/messages";

type PageProps = {
  title: string;
  /** Above the title: where this belongs. */
  trail?: ReactNode;
  /** Beside the title: a state. */
  badge?: ReactNode;
  subtitle?: ReactNode;
  actions?: ReactNode;
  isWide?: boolean;
  children: ReactNode;
};

export function Page({ title, trail, badge, subtitle, actions, isWide = false, children }: PageProps) {
  useEffect(() => {
    document.title = t("page.title", { title });
  }, [title]);
  return (
    <div className={cn("mx-auto w-full px-4 pt-5 pb-16 sm:px-7 sm:pt-7", isWide ? "max-w-[86rem]" : "max-w-5xl")}>
      <header className="mb-5 flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
        <div className="min-w-0">
          {trail === undefined ? null : (
            <div className="mb-1 flex items-center gap-1.5 text-[13px] text-soft">{trail}</div>
          )}
          <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5">
            <h1 className="text-[22px] leading-tight font-semibold tracking-[-0.018em] break-words">{title}</h1>
            {badge}
          </div>
          {subtitle === undefined ? null : <div className="mt-1 text-soft">{subtitle}</div>}
        </div>
        {actions === undefined ? null : <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

type EmptyProps = { icon: LucideIcon; heading: string; body: string; action?: ReactNode; className?: string };

/** Nothing here yet, and what to do about it. */
export function Empty({ icon: Icon, heading, body, action, className }: EmptyProps) {
  return (
    <div
      className={cn(
        "flex flex-col items-center rounded-xl border border-dashed border-border-strong px-6 py-14 text-center",
        className,
      )}
    >
      <div className="mb-4 grid size-11 place-items-center rounded-full bg-idle-soft text-soft">
        <Icon className="size-5" aria-hidden />
      </div>
      <h2 className="font-semibold">{heading}</h2>
      <p className="mt-1 max-w-sm text-soft text-balance">{body}</p>
      {action === undefined ? null : <div className="mt-5 flex gap-2">{action}</div>}
    </div>
  );
}
