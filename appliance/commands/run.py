"""`studio run FILE`: handed to `app.admin`, which knows the workflow language."""

from appliance.handing import handed_on

command = handed_on(
    "run",
    "Run a workflow from a file, and watch it; see `studio run --help`.",
)
