import { catalogue, type PlainKeyOf } from "@/lib/messages";

const english = {
  "run.form": "Run this workflow",
  "run.run": "Run",
  "run.run_named": "Run {name}",
  "run.start": "Run workflow",
  "run.no_inputs": "This workflow asks for nothing. It can start right away.",
  "run.waiting_uploads": "Waiting for the uploads…",
  "run.choose": "Choose…",
  "run.between": "From {min} to {max}",

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
  "instance.by_webhook": "by a webhook",
  "instance.by_schedule": "by a schedule",
  "instance.webhook": "Webhook",
  "instance.schedule": "Schedule",
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
  "step.ran": "What it ran",
  "step.queued_at": "Place {place} in the queue",
  "instance.runs_for": "Runs for another instance",
  "step.no_logs": "It wrote nothing.",
  "step.preview": "{step} so far",

  "attempt.list": "Attempts",
  "attempt.number": "Attempt {number}",
  "attempt.again": "Attempt {number}: {why}",
  "attempt.retry": "tried again",
  "attempt.lost": "the worker before it fell silent",
  "attempt.given_back": "the worker before it gave it back",
} as const;

export const { t, tn } = catalogue(english);
export type PlainKey = PlainKeyOf<typeof english>;
