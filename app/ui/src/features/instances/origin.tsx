/** Where a run comes from, what was wished of it, and the runs that go on from it. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { StatusIcon } from "@/components/status";
import type { Instance } from "@/lib/types";

import { rerunsQuery } from "./api";
import { ENDED } from "./ends";
import { t } from "./messages";

type Names = ReadonlyMap<string, string>;

function InstanceLink({ id, number }: { id: string; number: number }) {
  return (
    <Link
      to="/instances/$instanceId"
      params={{ instanceId: id }}
      className="rounded font-medium text-foreground tabular-nums underline underline-offset-2"
    >
      #{number}
    </Link>
  );
}

/** What was wished, in words; names of steps as the workflow shows them. */
function wishedOf(instance: Instance, names: Names, labels: Names): string {
  const wished = instance.rerun;
  if (wished === null) return "";
  const named = (ids: readonly string[], known: Names): string =>
    ids.map((id) => `“${known.get(id) ?? id}”`).join(", ");
  const { failures = false, steps = [], values = [], items = [], outputs = [], inputs = [] } = wished;
  const places = items.map(({ step, index }) =>
    t("origin.item", { number: index + 1, step: `“${names.get(step) ?? step}”` }),
  );
  return [
    failures ? t("origin.failures") : null,
    steps.length > 0 ? t("origin.steps", { steps: named(steps, names) }) : null,
    values.length > 0 ? t("origin.values", { steps: named(values, names) }) : null,
    places.length > 0 ? t("origin.items", { items: places.join(", ") }) : null,
    outputs.length > 0 ? t("origin.outputs", { steps: named(outputs, names) }) : null,
    inputs.length > 0 ? t("origin.inputs", { inputs: named(inputs, labels) }) : null,
  ]
    .filter(Boolean)
    .join(" · ");
}

export function Origin({ instance, names, labels }: { instance: Instance; names: Names; labels: Names }) {
  const reruns = useQuery({ ...rerunsQuery(instance.id), enabled: ENDED.has(instance.status) }).data?.items ?? [];
  const { origin_id, origin_number } = instance;
  const wished = wishedOf(instance, names, labels);
  if (origin_id === null && reruns.length === 0) return null;
  return (
    <div className="mb-5 space-y-1 text-[13px] text-soft">
      {origin_id === null || origin_number === null ? null : (
        <p>
          {t("origin.from")} <InstanceLink id={origin_id} number={origin_number} />
          {wished === "" ? null : ` · ${wished}`}
        </p>
      )}
      {reruns.length === 0 ? null : (
        <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
          {t("instance.reruns")}
          {reruns.map((rerun) => (
            <span key={rerun.id} className="flex items-center gap-1.5">
              <StatusIcon status={rerun.status} />
              <InstanceLink id={rerun.id} number={rerun.number} />
            </span>
          ))}
        </p>
      )}
    </div>
  );
}
