/** The mapping of a webhook between what is saved and what the form holds. */
import type { Webhook } from "@/lib/types";

/** Texts as they are written; any other value as JSON. */
export function toTexts(inputs: Webhook["inputs"]): Record<string, string> | null {
  if (inputs === null) return null;
  return Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]),
  );
}

/** What is to be saved: JSON where it is (5, true, {"asset": …}), so that numbers stay numbers; else text. */
export function toInputs(texts: Record<string, string> | null): Webhook["inputs"] {
  if (texts === null) return null;
  const filled = Object.entries(texts).filter(([, text]) => text.trim() !== "");
  return Object.fromEntries(filled.map(([name, text]) => [name, read(text)]));
}

function read(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Words, or an expression: “{{ … }}” is no JSON.
    return text;
  }
}
