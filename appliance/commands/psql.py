"""`studio psql`: the box's database at hand."""

import sys

import click


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]})
@click.option("--app", "as_app", is_flag=True, help="As the application: under row-level security.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(as_app: bool, arguments: tuple[str, ...]) -> None:
    """Open the box's database with psql; what follows is psql's own: `studio psql -- -c 'SELECT 1'`."""
    from app.kit.settings import SettingsFaults, load_settings
    from appliance.psql import become_psql
    from appliance.refusal import Refusal

    try:
        become_psql(load_settings(), arguments, as_app=as_app)
    except (Refusal, SettingsFaults) as exc:
        click.echo(str(exc), err=True)
        sys.exit(1)
