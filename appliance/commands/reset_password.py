"""`studio reset-password`: handed to `app.admin`, which asks the database."""

from appliance.handing import handed_on

command = handed_on(
    "reset_password",
    "Give an account a new password; see `studio reset-password --help`.",
)
