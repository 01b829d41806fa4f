"""`studio dump`: the database of a stopped box, for a newer major version of Postgres."""

import sys

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def command(as_json: bool) -> None:
    """Write the database down for a newer Postgres; the next boot on a machine that has one reads it in."""
    from appliance.dumping import show_dump

    sys.exit(show_dump(as_json))
