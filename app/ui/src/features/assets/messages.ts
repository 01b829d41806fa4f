import { catalogue, type PlainKeyOf } from "@/lib/messages";

const english = {
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
  "upload.not_image": "{name} is no picture: its content is {mime}.",
  "upload.not_video": "{name} is no video: its content is {mime}.",
  "upload.not_audio": "{name} is no sound: its content is {mime}.",
} as const;

export const { t, tn } = catalogue(english);
export type PlainKey = PlainKeyOf<typeof english>;
