/** A JSON editor that marks what the server complains about, at the line and column it means. */
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { json, jsonParseLinter } from "@codemirror/lang-json";
import {
  bracketMatching,
  foldGutter,
  foldKeymap,
  HighlightStyle,
  indentOnInput,
  syntaxHighlighting,
} from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";

import { cn } from "@/lib/cn";
import { locate } from "@/lib/json-places";
import type { Complaint } from "@/lib/problem";

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--foreground)", fontWeight: "500" },
  { tag: tags.string, color: "var(--completed)" },
  { tag: tags.number, color: "var(--running)" },
  { tag: [tags.bool, tags.null], color: "var(--accent)" },
  { tag: [tags.punctuation, tags.bracket, tags.separator], color: "var(--faint)" },
]);

const look = EditorView.theme({
  "&": { height: "100%", fontSize: "13px", backgroundColor: "transparent", color: "var(--foreground)" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px", borderRadius: "inherit" },
  ".cm-scroller": {
    fontFamily: "'Geist Mono Variable', ui-monospace, monospace",
    lineHeight: "1.65",
    overflow: "auto",
  },
  ".cm-content": { padding: "10px 0", caretColor: "var(--foreground)" },
  ".cm-cursor": { borderLeftColor: "var(--foreground)" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--faint)", border: "0", paddingLeft: "4px" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in oklch, var(--foreground) 4%, transparent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in oklch, var(--accent) 24%, transparent)",
  },
  ".cm-diagnostic": { padding: "6px 10px", fontFamily: "'Geist Variable', sans-serif", whiteSpace: "pre-wrap" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--failed)" },
  ".cm-tooltip, .cm-panels": {
    backgroundColor: "var(--raised)",
    color: "var(--foreground)",
    border: "1px solid var(--border)",
    borderRadius: "8px",
    overflow: "hidden",
  },
  ".cm-lintRange-error": {
    backgroundImage: "none",
    textDecoration: "underline wavy var(--failed) 1.5px",
    textUnderlineOffset: "3px",
    backgroundColor: "var(--failed-soft)",
  },
  ".cm-matchingBracket": { backgroundColor: "transparent !important" },
  "&.cm-focused .cm-matchingBracket": {
    backgroundColor: "color-mix(in oklch, var(--accent) 22%, transparent) !important",
  },
  ".cm-foldPlaceholder": { backgroundColor: "var(--sunken)", border: "1px solid var(--border)", color: "var(--soft)" },
});

const parseCheck = jsonParseLinter();

/** The parser's complaint about the text itself, or the server's about what it says. */
function diagnose(view: EditorView, complaints: readonly Complaint[]): Diagnostic[] {
  const broken = view.state.doc.length > 0 ? parseCheck(view) : [];
  if (broken.length > 0) return broken;
  const text = view.state.doc.toString();
  return complaints.map((complaint) => ({ ...locate(text, complaint), severity: "error", message: complaint.message }));
}

type EditorProps = {
  text: string;
  label: string;
  complaints?: readonly Complaint[];
  isReadOnly?: boolean;
  onChange?: (text: string) => void;
  /** Ctrl-S or ⌘S. */
  onSave?: () => void;
  className?: string;
};

export default function JsonEditor({
  text,
  label,
  complaints = [],
  isReadOnly = false,
  onChange,
  onSave,
  className,
}: EditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const handlers = useRef({ onChange, onSave });
  const locked = useRef(new Compartment());
  const first = useRef({ text, label, isReadOnly });

  useEffect(() => {
    handlers.current = { onChange, onSave };
  });

  useEffect(() => {
    if (host.current === null) return;
    const editor = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: first.current.text,
        extensions: [
          lineNumbers(),
          foldGutter(),
          lintGutter(),
          history(),
          drawSelection(),
          indentOnInput(),
          bracketMatching(),
          highlightActiveLine(),
          highlightSelectionMatches(),
          json(),
          syntaxHighlighting(colours),
          look,
          EditorState.tabSize.of(2),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ "aria-label": first.current.label, spellcheck: "false" }),
          locked.current.of(EditorState.readOnly.of(first.current.isReadOnly)),
          keymap.of([
            {
              key: "Mod-s",
              preventDefault: true,
              run: () => {
                handlers.current.onSave?.();
                return true;
              },
            },
            ...lintKeymap,
            ...defaultKeymap,
            ...historyKeymap,
            ...searchKeymap,
            ...foldKeymap,
            // Escape, then Tab leaves the editor: CodeMirror's own way out for keyboards.
            indentWithTab,
          ]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) handlers.current.onChange?.(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    return () => {
      editor.destroy();
      view.current = null;
    };
  }, []);

  useEffect(() => {
    const editor = view.current;
    if (editor === null || editor.state.doc.toString() === text) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
  }, [text]);

  useEffect(() => {
    view.current?.dispatch({ effects: locked.current.reconfigure(EditorState.readOnly.of(isReadOnly)) });
  }, [isReadOnly]);

  useEffect(() => {
    const editor = view.current;
    if (editor !== null) editor.dispatch(setDiagnostics(editor.state, diagnose(editor, complaints)));
  }, [complaints, text]);

  return (
    <div ref={host} className={cn("min-h-0 overflow-hidden rounded-xl border border-border bg-surface", className)} />
  );
}
