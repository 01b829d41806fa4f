"""`studio maintenance`: handed to `app.admin`, which asks the database."""

import click


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """A time in which nothing new starts, announced or at once; see `studio maintenance --help`."""
    from appliance.handover import become_admin

    become_admin("maintenance", *arguments)
