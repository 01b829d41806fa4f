/**
 * Every text of the page under one typed name. `t("page.title", { title })` fills `{title}`; `tn(name,
 * count)` takes the line of one or of many. A second language is a second object of the same shape.
 */

const english = {
  "app.name": "Studio",
  "page.title": "{title} · Studio",

  "common.close": "Close",
  "common.keep": "Not now",
  "common.more": "Show more",
  "common.show": "Show",
  "common.optional": "Optional",
  "common.download": "Download",
  "common.retry": "Try again",
  "common.loading": "Loading…",
  "common.copy": "Copy",
  "common.copied": "Copied",

  "problem.status": "Studio answered with status {status}.",
  "problem.unreachable": "Studio does not answer.",
  "problem.unreachable_remedy": "Check the connection, or that the box is running, and try again.",
  "problem.unexpected": "Something went wrong in this page.",
  "problem.unexpected_remedy": "Reload it; if it happens again, tell whoever runs this box what you did.",
  "problem.page": "This page could not be shown",

  "status.unknown": "Unknown",
  "status.pending": "Pending",
  "status.queued": "Queued",
  "status.running": "Running",
  "status.waiting": "Waiting",
  "status.completed": "Completed",
  "status.failed": "Failed",
  "status.cancelled": "Cancelled",
  "status.skipped": "Skipped",

  "nav.label": "Main",
  "nav.skip": "Skip to the content",
  "nav.workflows": "Workflows",
  "nav.instances": "Instances",
  "nav.assets": "Assets",
  "nav.system": "System",

  "account.menu": "Account of {name}",
  "account.theme": "Theme",
  "account.light": "Light",
  "account.dark": "Dark",
  "account.system": "As the system",
  "account.logout": "Sign out",
  "account.super_admin": "Runs this box",
  "role.owner": "Owner",
  "role.admin": "Admin",
  "role.editor": "Editor",
  "role.operator": "Operator",
  "role.viewer": "Viewer",

  "auth.title": "Sign in",
  "auth.subtitle": "Welcome back.",
  "auth.email": "Email",
  "auth.password": "Password",
  "auth.login": "Sign in",

  "setup.title": "Make this box yours",
  "setup.subtitle": "You are the first one here. This account will own the organization and run the box.",
  "setup.token": "Setup token",
  "setup.token_hint": "Studio prints it with the setup link when it starts.",
  "setup.name": "Your name",
  "setup.organization": "Organization",
  "setup.password_hint": "At least 10 characters. A sentence you can remember is best.",
  "setup.claim": "Claim this box",

  "missing.title": "Nothing here",
  "missing.heading": "There is nothing under this address",
  "missing.body": "It may have been deleted, or the link is incomplete.",
  "missing.home": "Go to the workflows",

  "workflows.heading": "Workflows",
  "workflows.subtitle": "What this organization can run.",
  "workflows.empty": "No workflows yet",
  "workflows.empty_body": "A workflow is a graph of steps. Create the first one from its JSON.",
  "workflows.empty_viewer": "Ask an editor of this organization to create one.",
  "workflows.new": "New workflow",
  "workflows.new_title": "New workflow",
  "workflows.new_subtitle": "Write or paste the JSON, or drop a file. Studio checks it while you write.",
  "workflows.create": "Create workflow",
  "workflows.open_file": "Open a file",
  "workflows.untitled": "Untitled workflow",
  "workflows.sample": "Sample",
  "workflows.more": "More about {name}",
  "workflows.edit_json": "Edit as JSON",
  "workflows.delete": "Delete",
  "workflows.delete_heading": "Delete “{name}”?",
  "workflows.delete_body": "It can no longer be run. Instances that exist, and what they made, stay.",
  "workflows.deleted": "“{name}” is deleted.",
  "workflows.version": "Version {number}",
  "workflows.versions": "Versions",
  "workflows.show_version": "Show version {number}",
  "workflows.current": "Current",
  "workflows.save": "Save as a new version",
  "workflows.saved": "Saved as version {number}.",
  "workflows.revert": "Undo changes",
  "workflows.unsaved": "Not saved",
  "workflows.tabs": "Views of this workflow",
  "workflows.tab_run": "Run",
  "workflows.tab_graph": "Graph",
  "workflows.tab_json": "JSON",
  "workflows.tab_versions": "Versions",
  "workflows.tab_instances": "Instances",
  "workflows.steps_one": "{count} step",
  "workflows.steps_other": "{count} steps",

  "definition.label": "Workflow definition",
  "definition.document": "document",
  "definition.column": ", column {column}",
  "definition.check": "Check of the definition",
  "definition.checking": "Checking…",
  "definition.broken": "This is not valid JSON yet; the mark shows where.",
  "definition.fine": "No complaints",
  "definition.unchecked": "Not checked",
  "definition.complaints_one": "{count} complaint",
  "definition.complaints_other": "{count} complaints",

  "graph.label": "Graph of the steps",
  "graph.each": "Runs once for each item",
  "graph.when": "Runs only under a condition",

  "run.form": "Run this workflow",
  "run.run": "Run",
  "run.run_named": "Run {name}",
  "run.start": "Run workflow",
  "run.no_inputs": "This workflow asks for nothing. It can start right away.",
  "run.waiting_uploads": "Waiting for the uploads…",
  "run.choose": "Choose…",
  "run.between": "From {min} to {max}",
  "run.at_least": "At least {min}",
  "run.at_most": "At most {max}",
  "run.missing": "This is needed.",
  "run.not_a_number": "This is not a number.",
  "run.not_json": "This is not valid JSON.",
  "run.files_missing_one": "Add at least {count} file.",
  "run.files_missing_other": "Add at least {count} files.",
  "run.viewer": "Your role may look at workflows but not run them.",

  "assets.heading": "Assets",
  "assets.subtitle": "Everything that was uploaded here or made by an instance.",
  "assets.empty": "No assets yet",
  "assets.empty_body": "Drop files here, or run a workflow: what it makes is kept here.",
  "assets.upload": "Upload files",
  "assets.upload_for": "Files for {label}",
  "assets.uploads": "Uploads",
  "assets.choose": "Choose from assets",
  "assets.drop_many": "Drop files here",
  "assets.drop_one": "Drop a file here",
  "assets.drop_here": "or drop more here",
  "assets.chosen": "Files for {label}",
  "assets.count_one": "{count} file",
  "assets.count_other": "{count} files",
  "assets.earlier": "Move {name} earlier",
  "assets.later": "Move {name} later",
  "assets.remove": "Remove {name}",
  "assets.pick_heading": "{label}: choose from assets",
  "assets.pick_many": "They go in the order you click them.",
  "assets.pick_one": "Pick one.",
  "assets.pick_empty": "Nothing of this kind yet. Upload it from the form.",
  "assets.take": "Add to the form",
  "assets.delete": "Delete",
  "assets.delete_heading": "Delete “{name}”?",
  "assets.delete_body": "Instances that used or made it will show a gap. This cannot be undone.",
  "assets.source_upload": "Uploaded",
  "assets.source_step": "Made by a step",
  "assets.source_sample": "Came with Studio",
  "assets.kinds": "Kind of asset",
  "assets.kind_file": "All",
  "assets.kind_image": "Images",
  "assets.kind_video": "Videos",
  "assets.kind_audio": "Audio",

  "upload.progress": "Upload of {name}",
  "upload.cancel": "Stop the upload of {name}",
  "upload.broken": "The upload broke off.",
  "upload.broken_remedy": "Check the connection and drop the file again.",

  "media.open": "Open {name} in full size",
  "media.download": "Download {name}",

  "value.empty": "empty",
  "value.yes": "Yes",
  "value.no": "No",

  "instances.heading": "Instances",
  "instances.subtitle": "Every run of every workflow, newest first.",
  "instances.empty": "Nothing has run yet",
  "instances.empty_body": "Run a workflow: its instance appears here and can be watched live.",
  "instances.to_workflows": "Go to the workflows",

  "instance.title": "{name} #{number}",
  "instance.is": "This instance is {status}.",
  "instance.started": "Started",
  "instance.again": "Run again",
  "instance.cancel": "Cancel instance",
  "instance.cancel_heading": "Cancel {name} #{number}?",
  "instance.cancel_body": "Steps that run are stopped. What they have finished stays; the rest is not done.",
  "instance.outputs": "Result",
  "instance.inputs": "Inputs",
  "instance.steps": "Steps",
  "instance.steps_done": "{done} of {total} steps done",
  "instance.progress": "Progress of the instance",

  "step.progress": "Progress of {step}",
  "step.items": "{done} of {total} items",
  "step.items_failed": "{done} of {total} items, {failed} failed",
  "step.items_label": "Items",
  "step.item": "Item {number}: {status}",
  "step.item_error": "Item {number}: {message}",
  "step.attempts": "{count} attempts",
  "step.outputs": "Outputs of the step",
  "step.logs": "Log of the step",
  "step.no_logs": "It wrote nothing.",
  "step.preview": "{step} so far",

  "live.label": "Live connection",
  "live.live": "Live",
  "live.live_hint": "Changes arrive the moment they happen.",
  "live.connecting": "Connecting…",
  "live.connecting_hint": "The live connection is being opened. Nothing is lost: missed events are replayed.",
  "live.events": "Live, one way",
  "live.events_hint": "A WebSocket does not get through here; changes arrive as server-sent events.",
  "live.polling": "Every 2 s",
  "live.polling_hint": "No live connection gets through here; the page asks every two seconds.",
  "live.offline": "Offline",
  "live.offline_hint": "There is no network. The instance goes on; the page catches up when you are back.",

  "system.subtitle": "The box itself: its parts, its workers, its cards.",
  "system.health": "Health",
  "system.healthy": "Healthy",
  "system.workers": "Workers",
  "system.workers_empty": "No worker has reported. Look at the log of studio-worker-cpu and studio-worker-gpu.",
  "system.seen": "Seen",
  "system.left": "Left",
  "system.slots_one": "{count} slot",
  "system.slots_other": "{count} slots",
  "system.gpus": "Graphics cards",
  "system.gpus_empty": "No graphics card. Steps of the GPU lane run on the processor where they can.",
  "system.busy": "{percent} % busy",
  "system.temperature": "{degrees} °C",
  "system.memory": "{used} of {total} in use",
  "system.memory_label": "Memory of {name}",
} as const;

type Catalogue = typeof english;
export type MessageKey = keyof Catalogue;

/** The `{names}` inside a text. */
type Names<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type Values<Key extends MessageKey> = Record<Names<Catalogue[Key]>, string | number>;
type Arguments<Key extends MessageKey> = [Names<Catalogue[Key]>] extends [never] ? [] : [Values<Key>];

function fill(text: string, values: Record<string, string | number>): string {
  return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** The names of texts that need no values. */
export type PlainKey = { [Key in MessageKey]: [Names<Catalogue[Key]>] extends [never] ? Key : never }[MessageKey];

export function t<Key extends MessageKey>(key: Key, ...[values]: Arguments<Key>): string {
  return values === undefined ? english[key] : fill(english[key], values);
}

type CountedKey = MessageKey extends infer Key ? (Key extends `${infer Stem}_one` ? Stem : never) : never;
const plural = new Intl.PluralRules("en");

/** The text for this many things. */
export function tn(stem: CountedKey, count: number): string {
  const key = `${stem}_${plural.select(count) === "one" ? "one" : "other"}` as MessageKey;
  return fill(english[key], { count });
}
