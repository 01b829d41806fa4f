/** Whether somebody holds what opens the backups; where it is got, and where it is shown. */
import { Tag } from "@/components/tag";
import { Card, CardHeading } from "@/components/ui/card";
import { dateTime } from "@/lib/format";
import type { Backups } from "@/lib/types";

import { KitWindow } from "./kit-window";
import { t } from "./messages";
import { ProveWindow } from "./prove-window";

function sentence({ kit, wished }: Backups): string {
  if (wished.includes("kit")) return t("kit.noting");
  if (!kit) return t("kit.about");
  if (kit.held_since === null) return kit.is_wanted ? t("kit.wanted") : t("kit.about");
  const time = dateTime(kit.held_since);
  return kit.is_current ? t("kit.held", { time }) : t("kit.changed", { time });
}

export function KitCard({ backups }: { backups: Backups }) {
  const { kit } = backups;
  return (
    <Card id="kit" aria-label={t("kit.heading")} className="scroll-mt-20">
      <CardHeading
        aside={
          kit?.is_wanted ? (
            <Tag tone="waiting">{t("kit.is_wanted")}</Tag>
          ) : kit?.is_current ? (
            <Tag tone="good">{t("kit.is_held")}</Tag>
          ) : null
        }
      >
        {t("kit.heading")}
      </CardHeading>
      <div className="space-y-3 p-4">
        <p className="text-[13px] text-soft">{sentence(backups)}</p>
        <div className="flex flex-wrap gap-2">
          <KitWindow />
          <ProveWindow />
        </div>
      </div>
    </Card>
  );
}
