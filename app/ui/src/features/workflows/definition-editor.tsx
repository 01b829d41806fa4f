/** A definition as text, checked by the server while it is being written. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { CircleAlert, CircleCheck, LoaderCircle } from "lucide-react";
import { lazy, Suspense, useDeferredValue, useEffect, useMemo, useState } from "react";

import { Skeleton } from "@/components/ui/skeleton";
import { asProblem, type Complaint } from "@/lib/problem";
import type { Definition } from "@/lib/types";

import { validationQuery } from "./api";
import { t, tn } from "./messages";

const JsonEditor = lazy(() => import("@/components/editor/json-editor"));

/** Long enough to end a word, short enough to feel attended. */
const PAUSE_MS = 350;

/** The document in a text, or null while it is not a JSON object. */
export function parseDefinition(text: string): Definition | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Definition) : null;
  } catch {
    return null;
  }
}

function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(text), PAUSE_MS);
    return () => window.clearTimeout(timer);
  }, [text]);
  return settled;
}

type CheckState = "checking" | "broken" | "faulty" | "fine" | "unknown";

function Verdict({ state, count }: { state: CheckState; count: number }) {
  const line = "flex items-center gap-1.5 text-[13px] [&_svg]:size-4";
  switch (state) {
    case "checking":
      return (
        <span className={`${line} text-soft`}>
          <LoaderCircle className="animate-spin" aria-hidden /> {t("definition.checking")}
        </span>
      );
    case "broken":
      return (
        <span className={`${line} text-failed`}>
          <CircleAlert aria-hidden /> {t("definition.broken")}
        </span>
      );
    case "faulty":
      return (
        <span className={`${line} text-failed`}>
          <CircleAlert aria-hidden /> {tn("definition.complaints", count)}
        </span>
      );
    case "fine":
      return (
        <span className={`${line} text-completed`}>
          <CircleCheck aria-hidden /> {t("definition.fine")}
        </span>
      );
    case "unknown":
      return <span className={`${line} text-soft`}>{t("definition.unchecked")}</span>;
  }
}

type EditorProps = {
  text: string;
  onChange?: (text: string) => void;
  onSave?: () => void;
  /** What the last save complained about; shown until the text changes. */
  refusal?: unknown;
  className?: string;
};

export function DefinitionEditor({ text, onChange, onSave, refusal, className }: EditorProps) {
  const settled = useSettled(text);
  const parsed = useMemo(() => parseDefinition(settled), [settled]);
  const isEdited = onChange !== undefined;
  const check = useQuery({
    ...validationQuery(parsed, settled),
    enabled: isEdited && parsed !== null,
    placeholderData: keepPreviousData,
    retry: false,
  });
  const refused = useMemo(() => (refusal ? asProblem(refusal).complaints : []), [refusal]);
  const complaints: readonly Complaint[] = useDeferredValue(
    refused.length > 0 ? refused : parsed === null ? [] : (check.data ?? []),
  );
  const state: CheckState =
    parsed === null
      ? "broken"
      : complaints.length > 0
        ? "faulty"
        : settled !== text || check.isFetching
          ? "checking"
          : check.isSuccess
            ? "fine"
            : "unknown";

  return (
    <div className={className}>
      <Suspense fallback={<Skeleton className="h-[32rem] rounded-xl" />}>
        <JsonEditor
          text={text}
          label={t("definition.label")}
          complaints={complaints}
          isReadOnly={!isEdited}
          onChange={onChange}
          onSave={onSave}
          className="h-[min(34rem,62dvh)]"
        />
      </Suspense>
      {isEdited ? (
        <div className="mt-3" role="status" aria-label={t("definition.check")}>
          <Verdict state={state} count={complaints.length} />
          {complaints.length > 0 ? (
            <ul className="mt-2 divide-y divide-border overflow-hidden rounded-lg border border-failed/25">
              {complaints.map((entry, index) => (
                <li key={index} className="flex flex-wrap gap-x-3 gap-y-0.5 bg-surface px-3 py-2 text-[13px]">
                  <code className="text-xs leading-5 text-failed">
                    {[entry.node, entry.field].filter(Boolean).join(" · ") || t("definition.document")}
                    {entry.column ? t("definition.column", { column: entry.column }) : ""}
                  </code>
                  <span className="min-w-0">{entry.message}</span>
                </li>
              ))}
            </ul>
          ) : null}
        </div>
      ) : null}
    </div>
  );
}
