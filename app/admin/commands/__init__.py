"""The commands of `python -m app.admin`, one file each: `main(arguments)` gives the exit code."""
