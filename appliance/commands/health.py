"""`studio health`: handed to `app.admin`, which asks the database."""

from appliance.handing import handed_on

command = handed_on(
    "health",
    "Every part of the box with a sentence; exit code 0 means healthy. See `studio health --help`.",
)
