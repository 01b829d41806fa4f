/** What changed between two versions, part by part: the field, what it was and what it is. */
import { Minus, Pencil, Plus, type LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

import { changedSpan } from "@/lib/changed-span";
import { cn } from "@/lib/cn";
import type { Difference, DifferenceChange, DifferencePart } from "@/lib/types";

import { t } from "./messages";

type How = DifferencePart["how"];

const LOOKS: Record<How, { icon: LucideIcon; ink: string; word: () => string }> = {
  added: { icon: Plus, ink: "text-completed bg-completed-soft", word: () => t("compare.added") },
  removed: { icon: Minus, ink: "text-failed bg-failed-soft", word: () => t("compare.removed") },
  changed: { icon: Pencil, ink: "text-running bg-running-soft", word: () => t("compare.changed") },
};

const shown = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

/** Values stand under `with` in the document; here that goes without saying. */
const fieldName = (field: string): string => field.replace(/^with\./, "");

function Value({
  label,
  tint,
  marked,
  children,
}: {
  label: string;
  tint: string;
  marked: string;
  children: [string, string, string];
}) {
  const [start, middle, end] = children;
  return (
    <div className={cn("flex gap-2 rounded px-2 py-1", tint)}>
      <span className="sr-only">{label}: </span>
      <code className="min-w-0 flex-1 font-mono text-xs leading-5 break-words whitespace-pre-wrap">
        {start}
        {middle === "" ? null : <mark className={cn("rounded-xs text-inherit", marked)}>{middle}</mark>}
        {end}
      </code>
    </div>
  );
}

function Sides({ change }: { change: DifferenceChange }) {
  const hasBefore = "before" in change;
  const hasAfter = "after" in change;
  const before = hasBefore ? shown(change.before) : "";
  const after = hasAfter ? shown(change.after) : "";
  const span = hasBefore && hasAfter ? changedSpan(before, after) : null;
  return (
    <div className="min-w-0 space-y-1">
      {hasBefore ? (
        <Value label={t("compare.before")} tint="bg-failed-soft" marked="bg-failed/25">
          {span === null ? [before, "", ""] : [span.start, span.before, span.end]}
        </Value>
      ) : null}
      {hasAfter ? (
        <Value label={t("compare.after")} tint="bg-completed-soft" marked="bg-completed/25">
          {span === null ? [after, "", ""] : [span.start, span.after, span.end]}
        </Value>
      ) : null}
    </div>
  );
}

function Changes({ list }: { list: readonly DifferenceChange[] }) {
  return (
    <dl className="space-y-2.5">
      {list.map((change) => (
        <div key={change.field} className="grid gap-x-4 gap-y-1 sm:grid-cols-[9rem_minmax(0,1fr)]">
          <dt className="pt-1 font-mono text-xs break-words text-soft">{fieldName(change.field)}</dt>
          <dd className="min-w-0">
            <Sides change={change} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Part({ name, how, changes }: { name: string; how: How; changes: readonly DifferenceChange[] }) {
  const { icon: Icon, ink, word } = LOOKS[how];
  return (
    <li className="px-4 py-3" aria-label={`${name}: ${word()}`}>
      <div className="mb-2.5 flex items-center gap-2">
        <span className={cn("grid size-5 place-items-center rounded", ink)}>
          <Icon className="size-3.5" aria-hidden />
        </span>
        <span className="font-mono text-[13px] font-semibold">{name}</span>
        <span className="text-xs text-soft">{word()}</span>
      </div>
      <Changes list={changes} />
    </li>
  );
}

function Section({ heading, children }: { heading: string; children: ReactNode }) {
  return (
    <section>
      <h3 className="mb-1.5 text-[13px] font-semibold">{heading}</h3>
      <ul
        aria-label={heading}
        className="divide-y divide-border overflow-hidden rounded-lg border border-border bg-surface dark:bg-sunken"
      >
        {children}
      </ul>
    </section>
  );
}

const howOf = (change: DifferenceChange): How =>
  "before" in change ? ("after" in change ? "changed" : "removed") : "added";

/** Outputs and the fields of the document are one value each: the name says it all. */
function Singles({ heading, list }: { heading: string; list: readonly DifferenceChange[] }) {
  if (list.length === 0) return null;
  return (
    <Section heading={heading}>
      {list.map((change) => (
        <li key={change.field} className="px-4 py-3" aria-label={`${change.field}: ${LOOKS[howOf(change)].word()}`}>
          <Changes list={[change]} />
        </li>
      ))}
    </Section>
  );
}

function Parts({ heading, list }: { heading: string; list: readonly DifferencePart[] }) {
  if (list.length === 0) return null;
  return (
    <Section heading={heading}>
      {list.map((part) => (
        <Part key={part.id} name={part.id} how={part.how} changes={part.changes} />
      ))}
    </Section>
  );
}

export function DifferenceView({ difference }: { difference: Difference }) {
  const { document, inputs, nodes, outputs, moved, reordered } = difference;
  const isReal = document.length + inputs.length + nodes.length + outputs.length > 0;
  return (
    <div className="space-y-5">
      {isReal ? null : <p className="text-soft">{t("compare.nothing")}</p>}
      <Singles heading={t("compare.document")} list={document} />
      <Parts heading={t("compare.inputs")} list={inputs} />
      <Parts heading={t("compare.nodes")} list={nodes} />
      <Singles heading={t("compare.outputs")} list={outputs} />
      {moved.length + reordered.length > 0 ? (
        <p className="text-[13px] text-soft">
          {moved.length > 0 ? t("compare.moved", { names: moved.join(", ") }) : null}{" "}
          {reordered.length > 0 ? t("compare.reordered", { names: reordered.join(", ") }) : null}
        </p>
      ) : null}
    </div>
  );
}
