/** A labelled control with its hint and its complaints; screen readers hear all three together. */
import { useId, type ReactNode } from "react";

import { cn } from "@/lib/cn";
import { t } from "@/lib/messages";

export type FieldProps = {
  label: string;
  hint?: ReactNode;
  complaints?: readonly string[];
  isOptional?: boolean;
  className?: string;
  /** Gets what the control needs to be tied to the label. */
  children: (control: {
    id: string;
    "aria-describedby": string | undefined;
    "aria-invalid": boolean | undefined;
  }) => ReactNode;
};

export function Field({ label, hint, complaints = [], isOptional = false, className, children }: FieldProps) {
  const id = useId();
  const described = [hint === undefined ? null : `${id}-hint`, complaints.length > 0 ? `${id}-complaint` : null].filter(
    Boolean,
  );
  return (
    <div className={cn("min-w-0", className)}>
      <div className="mb-1.5 flex items-baseline justify-between gap-3">
        <label htmlFor={id} className="text-[13px] font-medium">
          {label}
        </label>
        {isOptional ? <span className="text-xs text-faint">{t("common.optional")}</span> : null}
      </div>
      {children({
        id,
        "aria-describedby": described.length > 0 ? described.join(" ") : undefined,
        "aria-invalid": complaints.length > 0 || undefined,
      })}
      {hint === undefined ? null : (
        <p id={`${id}-hint`} className="mt-1.5 text-xs text-soft">
          {hint}
        </p>
      )}
      <Complaints id={`${id}-complaint`} list={complaints} />
    </div>
  );
}

export function Complaints({ id, list }: { id?: string; list: readonly string[] }) {
  return (
    <div id={id} aria-live="polite">
      {list.map((sentence) => (
        <p key={sentence} className="mt-1.5 text-[13px] text-failed">
          {sentence}
        </p>
      ))}
    </div>
  );
}
