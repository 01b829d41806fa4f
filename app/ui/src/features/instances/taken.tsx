/** Where a step comes from that did not simply run: taken over from an older run, or given by hand. */
import { Link } from "@tanstack/react-router";

import { Ago } from "@/components/time";
import type { Step } from "@/lib/types";

import { t } from "./messages";
import { ValueList } from "./value-view";

function Reused({ from }: { from: NonNullable<Step["reused_from"]> }) {
  if (!from.instance_id) return t("step.reused_gone");
  return (
    <>
      {t("step.reused_from")}{" "}
      <Link
        to="/instances/$instanceId"
        params={{ instanceId: from.instance_id }}
        className="font-medium text-foreground underline underline-offset-2"
      >
        #{from.number}
      </Link>
      .
    </>
  );
}

export function Taken({ step }: { step: Step }) {
  const { edited, reused_from } = step;
  // A fan-out of which some items ran here did run here.
  const isReused = reused_from !== null && step.items_kept === null;
  if (!isReused && edited === null) return null;
  return (
    <div className="space-y-2 text-[13px] text-soft">
      {isReused ? (
        <p>
          <Reused from={reused_from} />
        </p>
      ) : null}
      {edited === null ? null : (
        <p>
          {t("edit.by", { name: edited.name })} <Ago time={edited.at} />
        </p>
      )}
      {edited?.before === null || edited?.before === undefined ? null : (
        <details>
          <summary className="w-fit cursor-pointer rounded">{t("edit.before")}</summary>
          <div className="mt-2 border-l-2 border-border pl-3 text-foreground">
            <ValueList values={edited.before} />
          </div>
        </details>
      )}
    </div>
  );
}
