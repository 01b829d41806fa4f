/** How one would go back from this version, and what the database would not know any more. */
import { Card, CardHeading } from "@/components/ui/card";
import { dateTime } from "@/lib/format";

import type { Upgrades } from "./api";
import { t } from "./messages";

/** From here on the API has stopped counting. */
const LOST_AT_MOST = 10_000;

const LOST = ["instances", "assets", "versions"] as const;

const amount = (count: number): string =>
  count < LOST_AT_MOST ? String(count) : t("upgrades.lost_many", { count: LOST_AT_MOST });

/** What stands between backticks is to be typed. */
function Sentence({ text }: { text: string }) {
  const parts = text.split("`");
  return <p>{parts.map((part, index) => (index % 2 === 0 ? part : <code key={index}>{part}</code>))}</p>;
}

function Losses({ moment, lost }: { moment: string; lost: Record<(typeof LOST)[number], number> }) {
  return (
    <>
      <p>{t("upgrades.back_lost", { time: dateTime(moment) })}</p>
      <dl className="flex flex-wrap gap-x-8 gap-y-2">
        {LOST.map((kind) => (
          <div key={kind}>
            <dd className="text-xl leading-tight font-semibold tracking-[-0.01em] tabular-nums">
              {amount(lost[kind])}
            </dd>
            <dt className="text-xs text-soft">{t(`upgrades.lost_${kind}`)}</dt>
          </div>
        ))}
      </dl>
      <p className="text-soft">{t("upgrades.lost_files")}</p>
    </>
  );
}

export function WayBackCard({ upgrades: { way_back } }: { upgrades: Upgrades }) {
  return (
    <Card aria-label={t("upgrades.back")}>
      <CardHeading>{t("upgrades.back")}</CardHeading>
      <div className="space-y-3 p-4 text-[13px]">
        {way_back === null ? (
          <p className="text-soft">{t("upgrades.back_none")}</p>
        ) : (
          <Sentence text={way_back.sentence} />
        )}
        {way_back?.moment && way_back.lost ? <Losses moment={way_back.moment} lost={way_back.lost} /> : null}
        {way_back?.backup && !way_back.is_kept ? (
          <p role="alert" className="text-failed">
            {t("upgrades.back_gone", { backup: way_back.backup })}
          </p>
        ) : null}
      </div>
    </Card>
  );
}
