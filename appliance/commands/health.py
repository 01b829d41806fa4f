"""`studio health`: handed to `app.admin`, which asks the database."""

import click


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Every part of the box with a sentence; exit code 0 means healthy. See `studio health --help`."""
    from appliance.handover import become_admin

    become_admin("health", *arguments)
