/** Looking up the functions of expressions. */
import type { components } from "@/lib/api.gen";

export type ExpressionFunction = components["schemas"]["FunctionSpec"];

/** Those that hold every word of the wish in their name, title, topic or description. */
export function found(functions: readonly ExpressionFunction[], wish: string): ExpressionFunction[] {
  const words = wish.toLowerCase().split(/\s+/).filter(Boolean);
  return functions.filter(({ name, title, topic, description }) => {
    const said = `${name} ${title} ${topic} ${description}`.toLowerCase();
    return words.every((word) => said.includes(word));
  });
}

/** Topic by topic, each in the order of its first function. */
export function byTopic(functions: readonly ExpressionFunction[]): [string, ExpressionFunction[]][] {
  const topics = new Map<string, ExpressionFunction[]>();
  for (const one of functions) topics.set(one.topic, [...(topics.get(one.topic) ?? []), one]);
  return [...topics];
}
