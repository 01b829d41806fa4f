"""`studio retention`: handed to `app.admin`, which asks the database."""

import click


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """What has ended and may go: see it, or let it go; see `studio retention --help`."""
    from appliance.handover import become_admin

    become_admin("retention", *arguments)
