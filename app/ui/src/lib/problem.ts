/** A refusal by the server, or its silence, as a sentence a person can act on (RFC 9457). */
import { t } from "@/lib/messages";

/** One thing wrong with a document or an input, and where. `column` counts from 1. */
export type Complaint = {
  message: string;
  node?: string | null;
  field?: string | null;
  column?: number | null;
};

export class Problem extends Error {
  readonly status: number;
  readonly remedy: string | null;
  readonly complaints: readonly Complaint[];
  readonly retryAfter_s: number | null;

  constructor(facts: {
    status: number;
    detail: string;
    remedy?: string | null;
    complaints?: readonly Complaint[];
    retryAfter_s?: number | null;
  }) {
    super(facts.detail);
    this.name = "Problem";
    this.status = facts.status;
    this.remedy = facts.remedy ?? null;
    this.complaints = facts.complaints ?? [];
    this.retryAfter_s = facts.retryAfter_s ?? null;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);
const whole = (value: unknown): number | null => (typeof value === "number" && Number.isInteger(value) ? value : null);

function complaint(raw: unknown): Complaint | null {
  if (!isRecord(raw)) return null;
  const message = text(raw["message"]);
  if (message === null) return null;
  return { message, node: text(raw["node"]), field: text(raw["field"]), column: whole(raw["column"]) };
}

/** Reads the body of a refusal; a body of another kind (a proxy's page) gives a sentence of our own. */
export function problemFrom(status: number, body: string, retryAfter: string | null = null): Problem {
  let raw: unknown = null;
  try {
    raw = JSON.parse(body);
  } catch {
    // Not ours; the status has to speak.
  }
  const facts = isRecord(raw) ? raw : {};
  const list = Array.isArray(facts["complaints"]) ? facts["complaints"] : [];
  return new Problem({
    status,
    detail: text(facts["detail"]) ?? text(facts["title"]) ?? t("problem.status", { status }),
    remedy: text(facts["remedy"]),
    complaints: list.map(complaint).filter((entry) => entry !== null),
    retryAfter_s: retryAfter === null ? null : Number.parseInt(retryAfter, 10) || null,
  });
}

/** Whatever was thrown, as a problem; the network's own words help nobody. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof TypeError || error instanceof DOMException) {
    return new Problem({ status: 0, detail: t("problem.unreachable"), remedy: t("problem.unreachable_remedy") });
  }
  return new Problem({ status: 0, detail: t("problem.unexpected"), remedy: t("problem.unexpected_remedy") });
}

/** Whether the box gave no answer of its own, or a proxy before it had none to give. */
export const isSilence = (problem: Problem): boolean => [0, 502, 503, 504].includes(problem.status);
