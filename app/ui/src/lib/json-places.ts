/** Where in the text of a JSON document a complaint of the server belongs. */
import { jsonLanguage } from "@codemirror/lang-json";
import type { SyntaxNode } from "@lezer/common";

import type { Complaint } from "@/lib/problem";

export type Range = { from: number; to: number };

const VALUES = new Set(["Object", "Array", "String", "Number", "True", "False", "Null"]);

function valueChild(node: SyntaxNode): SyntaxNode | null {
  for (let child = node.firstChild; child; child = child.nextSibling) if (VALUES.has(child.name)) return child;
  return null;
}

function unquote(source: string): string {
  try {
    return String(JSON.parse(source));
  } catch {
    return source;
  }
}

/** The property of an object by name. */
function property(object: SyntaxNode, name: string, text: string): SyntaxNode | null {
  for (const entry of object.getChildren("Property")) {
    const key = entry.getChild("PropertyName");
    if (key && unquote(text.slice(key.from, key.to)) === name) return entry;
  }
  return null;
}

function elements(array: SyntaxNode): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  for (let child = array.firstChild; child; child = child.nextSibling) if (VALUES.has(child.name)) found.push(child);
  return found;
}

function nodeObject(root: SyntaxNode, id: string, text: string): SyntaxNode | null {
  const list = property(root, "nodes", text);
  const array = list && valueChild(list);
  if (array?.name !== "Array") return null;
  // A node without an id goes by its place: `nodes[2]`.
  const index = /^nodes\[(\d+)\]$/.exec(id)?.[1];
  if (index !== undefined) return elements(array)[Number(index)] ?? null;
  for (const element of elements(array)) {
    const key = element.name === "Object" ? property(element, "id", text) : null;
    const value = key && valueChild(key);
    if (value && unquote(text.slice(value.from, value.to)) === id) return element;
  }
  return null;
}

/** `with.images[1].name` → `with`, `images`, `1`, `name`. */
const pathOf = (field: string): string[] =>
  field
    .replaceAll(/\[(\d+)\]/g, ".$1")
    .split(".")
    .filter(Boolean);

/** Walks down as far as the document goes; the deepest thing found is what gets marked. */
function descend(start: SyntaxNode, path: readonly string[], text: string): SyntaxNode | null {
  let value: SyntaxNode = start;
  let mark: SyntaxNode | null = null;
  for (const part of path) {
    if (value.name === "Object") {
      const entry = property(value, part, text);
      if (!entry) break;
      mark = valueChild(entry) ?? entry;
    } else if (value.name === "Array") {
      const element = elements(value)[Number(part)];
      if (!element) break;
      mark = element;
    } else break;
    value = mark;
  }
  return mark;
}

/** A column points into the text of a string: shift by the quote and by escapes before it. */
function fromColumn(node: SyntaxNode, column: number, text: string): number {
  let at = node.from + 1;
  for (let seen = 1; seen < column && at < node.to - 1; seen += 1) {
    if (text[at] === "\\") at += text[at + 1] === "u" ? 6 : 2;
    else at += 1;
  }
  return at;
}

/** The range to mark. Without a place it is the first line, so that no complaint stays unseen. */
export function locate(text: string, complaint: Complaint): Range {
  const firstLine = { from: 0, to: Math.max(0, text.indexOf("\n")) || Math.min(text.length, 1) };
  const root = jsonLanguage.parser.parse(text).topNode.getChild("Object");
  if (!root) return firstLine;
  const path = pathOf(complaint.field ?? "");
  const owner = complaint.node ? nodeObject(root, complaint.node, text) : root;
  if (!owner) return firstLine;
  const mark = descend(owner, path, text);
  if (!mark) {
    if (!complaint.node) return firstLine;
    // The node itself: its id, so that the mark stays on one line.
    const id = property(owner, "id", text);
    return id ? { from: id.from, to: id.to } : { from: owner.from, to: owner.from + 1 };
  }
  if (complaint.column && mark.name === "String") {
    const from = fromColumn(mark, complaint.column, text);
    return { from: Math.min(from, mark.to - 1), to: mark.to - 1 > from ? mark.to - 1 : mark.to };
  }
  return {
    from: mark.from,
    to: mark.name === "Object" || mark.name === "Array" ? Math.min(mark.to, mark.from + 1) : mark.to,
  };
}
