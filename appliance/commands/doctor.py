"""`studio doctor`: look at everything a person would look at."""

import sys

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def command(as_json: bool) -> None:
    """Examine the box and say what to do; exit code 1: something is ill, 3: not everything could be seen."""
    from app.kit.settings import SettingsFaults, load_settings
    from appliance.doctor.examination import show

    try:
        settings = load_settings()
    except SettingsFaults as exc:
        click.echo(str(exc), err=True)
        sys.exit(78)
    sys.exit(show(settings, as_json))
