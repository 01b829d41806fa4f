/** Over every page of whoever runs the box, until somebody has shown that they hold what opens the backups. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { KeyRound } from "lucide-react";

import { Button } from "@/components/ui/button";
import { useMe } from "@/lib/me";

import { backupsQuery } from "./api";
import { t } from "./messages";

export function KitBanner() {
  const { user } = useMe();
  const backups = useQuery({ ...backupsQuery, enabled: user.is_super_admin }).data;
  if (!backups?.kit?.is_wanted || backups.wished.includes("kit")) return null;
  const hasChanged = backups.kit.held_since !== null;
  return (
    <aside
      aria-label={t("kit.heading")}
      className="flex flex-wrap items-center gap-x-4 gap-y-2 border-b border-border bg-waiting-soft px-4 py-2.5"
    >
      <KeyRound className="size-5 shrink-0 text-waiting" aria-hidden />
      <div className="min-w-0 flex-1 text-[13px]">
        <p className="font-medium">{t(hasChanged ? "kit.banner_changed" : "kit.banner")}</p>
        <p className="text-soft">{t(hasChanged ? "kit.banner_changed_body" : "kit.banner_body")}</p>
      </div>
      <Button asChild size="sm">
        <Link to="/backups" hash="kit">
          {t("kit.to_it")}
        </Link>
      </Button>
    </aside>
  );
}
