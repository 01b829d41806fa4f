"""`studio version`: which programs these are."""

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def command(as_json: bool) -> None:
    """Which Studio this is, and with which Python, Postgres and Redis."""
    from appliance.status import show_version

    show_version(as_json)
