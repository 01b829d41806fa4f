"""`studio status`: how far the boot is and what runs."""

import sys

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def command(as_json: bool) -> None:
    """How far the boot is, what runs, and where; exit code 0 means ready."""
    from appliance.status import show_status

    sys.exit(show_status(as_json))
