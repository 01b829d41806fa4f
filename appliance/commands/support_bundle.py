"""`studio support-bundle`: what somebody who helps needs to see, and no secret."""

import sys
from pathlib import Path

import click


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), help="The file to write; one named after now without."
)
def command(out: Path | None) -> None:
    """Pack status, findings, settings without secrets and the last log lines into one file."""
    from app.kit.settings import SettingsFaults, load_settings
    from appliance.bundle import pack
    from appliance.refusal import Refusal

    try:
        path = pack(load_settings(), out)
    except (SettingsFaults, Refusal) as exc:
        click.echo(str(exc), err=True)
        sys.exit(1)
    click.echo(f"{path} holds no secret and no person's files. Look through it before you give it away.")
