"""`studio retention`: handed to `app.admin`, which asks the database."""

from appliance.handing import handed_on

command = handed_on(
    "retention",
    "What has ended and may go: see it, or let it go; see `studio retention --help`.",
)
