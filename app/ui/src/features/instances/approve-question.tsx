/** An approval: what is decided on, what to keep of it, and the decision with a word about it. */
import { Check, X } from "lucide-react";
import { useId, useState } from "react";

import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Textarea } from "@/components/ui/input";
import type { Step, Wait } from "@/lib/types";

import { useAnswer } from "./api";
import { Choices } from "./choices";
import { t } from "./messages";
import { ValueList } from "./value-view";

type Keep = { min: number; max: number };

function keepOf(request: Wait["request"]): Keep | null {
  const keep = request["keep"];
  if (typeof keep !== "object" || keep === null) return null;
  const { min, max } = keep as Partial<Keep>;
  return typeof min === "number" && typeof max === "number" ? { min, max } : null;
}

function sentenceOf(keep: Keep, count: number): string {
  const bounds = keep.min === keep.max ? String(keep.min) : t("question.bounds", keep);
  return t("question.kept", { count, bounds });
}

type ApproveProps = { instanceId: string; step: Step; wait: Wait };

export function ApproveQuestion({ instanceId, step, wait }: ApproveProps) {
  const id = useId();
  const answer = useAnswer(instanceId, step.id);
  const [comment, setComment] = useState("");
  const [kept, setKept] = useState<ReadonlySet<number>>(new Set());
  const inputs = step.inputs ?? {};
  const choices = Array.isArray(inputs["choices"]) ? (inputs["choices"] as unknown[]) : [];
  const keep = keepOf(wait.request);
  const hasFit = keep === null || (kept.size >= keep.min && kept.size <= keep.max);
  const decided = answer.isPending ? (answer.variables as { decision: string }).decision : null;

  function toggle(place: number): void {
    setKept((before) => {
      if (before.has(place)) return new Set([...before].filter((other) => other !== place));
      return keep?.max === 1 ? new Set([place]) : new Set([...before, place]);
    });
  }

  function decide(decision: "approved" | "rejected"): void {
    if (answer.isPending) return;
    const places = decision === "approved" && keep !== null ? { kept: [...kept].toSorted((a, b) => a - b) } : {};
    answer.mutate({ decision, ...places, ...(comment.trim() === "" ? {} : { comment }) });
  }

  return (
    <div className="space-y-4">
      {inputs["value"] === null || inputs["value"] === undefined ? null : (
        <ValueList values={{ value: inputs["value"] }} labels={new Map([["value", t("question.value")]])} isLarge />
      )}
      {keep === null ? null : (
        <div>
          <p className="mb-2 text-[13px] text-soft" role="status">
            {sentenceOf(keep, kept.size)}
          </p>
          <Choices choices={choices} kept={kept} most={keep.max} isReadOnly={!wait.may_answer} onToggle={toggle} />
        </div>
      )}
      {wait.may_answer ? (
        <>
          <div>
            <label htmlFor={`${id}-comment`} className="mb-1.5 block text-[13px] font-medium">
              {t("question.comment")}
            </label>
            <Textarea
              id={`${id}-comment`}
              rows={2}
              maxLength={4_000}
              className="min-h-14"
              value={comment}
              onChange={(event) => setComment(event.target.value)}
            />
          </div>
          {answer.error ? <ProblemNote error={answer.error} /> : null}
          <div className="flex flex-wrap gap-3">
            <Button
              variant="primary"
              isBusy={decided === "approved"}
              disabled={!hasFit}
              onClick={() => decide("approved")}
            >
              {decided === "approved" ? null : <Check aria-hidden />}
              {keep === null ? t("question.approve") : t("question.keep_these")}
            </Button>
            <Button variant="danger" isBusy={decided === "rejected"} onClick={() => decide("rejected")}>
              {decided === "rejected" ? null : <X aria-hidden />} {t("question.reject")}
            </Button>
          </div>
        </>
      ) : null}
    </div>
  );
}
