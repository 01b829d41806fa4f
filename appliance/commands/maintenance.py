"""`studio maintenance`: handed to `app.admin`, which asks the database."""

from appliance.handing import handed_on

command = handed_on(
    "maintenance",
    "A time in which nothing new starts, announced or at once; see `studio maintenance --help`.",
)
