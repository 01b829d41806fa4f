"""`studio keys`: which secrets the box has and where from, never what they are."""

import sys

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def command(as_json: bool) -> None:
    """The box's four secrets: where each comes from, how old it is, and a print to compare it by."""
    from app.kit.settings import SettingsFaults, load_settings
    from appliance.keyring import show_keys

    try:
        sys.exit(show_keys(load_settings(), as_json))
    except SettingsFaults as exc:
        click.echo(str(exc), err=True)
        sys.exit(78)
