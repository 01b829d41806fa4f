/**
 * Every text of the page under one typed name. `t("page.title", { title })` fills `{title}`; `tn(name,
 * count)` takes the line of one or of many. Here stand the texts that several share; a feature keeps its
 * own in the `messages.ts` of its folder, as a `catalogue`. A second language is a second object of the same shape.
 */

const english = {
  "app.name": "Studio",

  "page.title": "{title} · Studio",

  "common.close": "Close",
  "common.keep": "Not now",
  "common.more": "Show more",
  "common.retry": "Try again",
  "common.loading": "Loading…",
  "common.show": "Show",
  "common.optional": "Optional",
  "common.download": "Download",
  "common.copy": "Copy",
  "common.copied": "Copied",
  "common.save": "Save",
  "common.edit": "Edit",
  "common.delete": "Delete",

  "problem.status": "Studio answered with status {status}.",
  "problem.unreachable": "Studio does not answer.",
  "problem.unreachable_remedy": "Check the connection, or that the box is running, and try again.",
  "problem.unexpected": "Something went wrong in this page.",
  "problem.unexpected_remedy": "Reload it; if it happens again, tell whoever runs this box what you did.",

  "status.unknown": "Unknown",
  "status.pending": "Pending",
  "status.queued": "Queued",
  "status.running": "Running",
  "status.waiting": "Waiting",
  "status.completed": "Completed",
  "status.failed": "Failed",
  "status.cancelled": "Cancelled",
  "status.skipped": "Skipped",

  "role.owner": "Owner",
  "role.admin": "Admin",
  "role.editor": "Editor",
  "role.operator": "Operator",
  "role.viewer": "Viewer",

  "auth.email": "Email",
  "auth.password": "Password",

  "workflows.heading": "Workflows",
  "workflows.new": "New workflow",
  "workflows.version": "Version {number}",
  "workflows.no_steps": "No steps yet",
  "workflows.no_steps_body": "A workflow runs its steps. Write the first one, save, and it can be run.",
  "workflows.no_steps_viewer": "An editor of this organization has to write the first one before it can be run.",
  "workflows.write_steps": "Write steps",
  "workflows.steps_one": "{count} step",
  "workflows.steps_other": "{count} steps",

  "graph.label": "Graph of the steps",
  "graph.each": "Runs once for each item",
  "graph.when": "Runs only under a condition",

  "run.at_least": "At least {min}",
  "run.at_most": "At most {max}",
  "run.missing": "This is needed.",
  "run.not_a_number": "This is not a number.",
  "run.not_json": "This is not valid JSON.",
  "run.files_missing_one": "Add at least {count} file.",
  "run.files_missing_other": "Add at least {count} files.",
  "run.files_refused_one": "{count} file was refused. Remove it before you run.",
  "run.files_refused_other": "{count} files were refused. Remove them before you run.",

  "assets.count_one": "{count} file",
  "assets.count_other": "{count} files",

  "upload.broken": "The upload broke off.",
  "upload.broken_remedy": "Check the connection and drop the file again.",

  "media.open": "Open {name} in full size",
  "media.gone": "“{name}” cannot be shown: it was deleted, or this browser does not know its kind.",

  "live.label": "Live connection",
  "live.live": "Live",
  "live.live_hint": "Changes arrive the moment they happen.",
  "live.late": "Live, delayed",
  "live.late_hint":
    "A part of Studio does not answer (Redis or the database). The instance goes on; changes arrive late, and none is lost.",
  "live.connecting": "Connecting…",
  "live.connecting_hint": "The live connection is being opened. Nothing is lost: missed events are replayed.",
  "live.events": "Live, one way",
  "live.events_hint": "A WebSocket does not get through here; changes arrive as server-sent events.",
  "live.polling": "Every 2 s",
  "live.polling_hint": "No live connection gets through here; the page asks every two seconds.",
  "live.silent": "No answer; trying again",
  "live.silent_hint": "Studio does not answer. The page tries again every two seconds and catches up by itself.",
  "live.offline": "Offline",
  "live.offline_hint": "There is no network. The instance goes on; the page catches up when you are back.",
} as const;

type Shared = typeof english;
type Texts = Record<string, string>;

/** The `{names}` inside a text. */
type Names<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type Values<Text extends string> = Record<Names<Text>, string | number>;
type Arguments<Text extends string> = [Names<Text>] extends [never] ? [] : [Values<Text>];

/** The names of texts that need no values. */
export type PlainKeyOf<Own extends Texts> = {
  [Key in keyof Own]: [Names<Own[Key]>] extends [never] ? Key : never;
}[keyof Own];
export type PlainKey = PlainKeyOf<Shared>;

type CountedKey<Key> = Key extends `${infer Stem}_one` ? Stem : never;
/** What a counted text needs besides the count. */
type Beside<Text extends string> = [Exclude<Names<Text>, "count">] extends [never]
  ? []
  : [Record<Exclude<Names<Text>, "count">, string | number>];
const plural = new Intl.PluralRules("en");

function fill(text: string, values: Record<string, string | number>): string {
  return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** The two ways to a text, for somebody with texts of their own: those, and the shared ones. */
export function catalogue<const Own extends Texts>(own: Own & Partial<Record<keyof Shared, never>>) {
  const texts: Texts = { ...english, ...own };
  const text = (key: string): string => texts[key] ?? key;
  return {
    t: <Key extends keyof (Shared & Own) & string>(key: Key, ...[values]: Arguments<(Shared & Own)[Key]>): string =>
      values === undefined ? text(key) : fill(text(key), values),
    /** The text for this many things, which it calls `count`. */
    tn: <Stem extends CountedKey<keyof (Shared & Own)>>(
      stem: Stem,
      count: number,
      ...[values]: Beside<(Shared & Own)[`${Stem}_other`]>
    ): string => fill(text(`${stem}_${plural.select(count) === "one" ? "one" : "other"}`), { ...values, count }),
  };
}

export const { t, tn } = catalogue({});
