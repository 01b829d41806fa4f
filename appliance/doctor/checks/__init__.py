"""The checks of `studio doctor`, one file each."""
