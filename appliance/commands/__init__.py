"""The commands of `studio`, one file each: `command`, a click command named as its file."""
