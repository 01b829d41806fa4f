"""`studio upgrade`: try one on a copy, see which versions a volume has seen, go back from one that failed."""

import sys
from collections.abc import Callable

import click

as_json = click.option("--json", "as_json", is_flag=True, help="For machines.")


@click.group()
def command() -> None:
    """A newer version upgrades the volume when it boots; this is for the time before and after."""


@command.command()
@as_json
def rehearse(as_json: bool) -> None:
    """Migrate a restored copy of the newest backup with this version: 0 it works, 1 it does not."""
    _speak("rehearse", as_json)


@command.command()
@as_json
def status(as_json: bool) -> None:
    """Which versions this volume has seen, when, and whether they were healthy on it."""
    _speak("status", as_json)


@command.command()
@as_json
def back(as_json: bool) -> None:
    """Bring the database back to the backup made before the last upgrade; the box must not run."""
    _speak("back", as_json)


@command.command()
@as_json
def healthy(as_json: bool) -> None:
    """Mark this version as healthy, where a lane could not be tried and you have seen that it works."""
    _speak("healthy", as_json)


@command.command()
@as_json
def retry(as_json: bool) -> None:
    """Let this version try again on a volume that was brought back."""
    _speak("retry", as_json)


def _speak(what: str, as_json: bool) -> None:
    from appliance import upgrade_speak
    from appliance.backup.speak import safely

    answer: Callable[..., int] = getattr(upgrade_speak, what)
    sys.exit(safely(answer, as_json=as_json))
