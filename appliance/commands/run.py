"""`studio run FILE`: handed to `app.admin`, which knows the workflow language."""

import click


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Run a workflow from a file, and watch it; see `studio run --help`."""
    from appliance.handover import become_admin

    become_admin("run", *arguments)
