"""`studio backup`: make one, look at them, check them, print the kit and have it shown, say when."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

as_json = click.option("--json", "as_json", is_flag=True, help="For machines.")


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Back up database and files as one moment, without stopping anything; alone, the same as `now`."""
    if context.invoked_subcommand is None:
        context.invoke(now, as_json=as_json)


@command.command()
@as_json
def now(as_json: bool) -> None:
    """Make a backup now."""
    _speak("now", as_json)


@command.command()
@as_json
def log(as_json: bool) -> None:
    """Save what happened since the last backup, so that a restore can reach this moment."""
    _speak("log", as_json)


@command.command("list")
@as_json
def list_(as_json: bool) -> None:
    """Which backups there are, what was proved, and which moments can be reached."""
    _speak("show", as_json)


@command.command()
@click.option("--all", "every_byte", is_flag=True, help="Read every byte; without it, only what there is.")
@as_json
def check(every_byte: bool, as_json: bool) -> None:
    """Ask the repository whether it is whole."""
    _speak("check", as_json, every_byte=every_byte)


@command.command()
@as_json
def drill(as_json: bool) -> None:
    """Restore the newest backup beside the box and question it: 0 proved, 1 failed, 75 could not run."""
    _speak("drill", as_json)


@command.command()
@click.option("--out", type=click.Path(path_type=Path), help="Write it there; .html gives a page to print.")
@click.option("--without-access", is_flag=True, help="Leave out what gets at a repository elsewhere.")
@as_json
def kit(out: Path | None, without_access: bool, as_json: bool) -> None:
    """Print the recovery kit: what a restore needs and no backup holds."""
    _speak("kit", as_json, out=out, with_access=not without_access)


@command.command()
@as_json
def key(as_json: bool) -> None:
    """Print the line that lets this box into a machine with SSH, for authorized_keys there."""
    _speak("key", as_json)


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@as_json
def confirm(file: Path, as_json: bool) -> None:
    """Show that you hold the recovery kit: the box compares FILE (“-”: standard input) and keeps nothing."""
    _speak("confirm", as_json, path=file)


@command.command()
@click.option("--at", help="The time of the nightly backup in UTC, as 03:00, or “off”.")
@click.option("--days", type=click.IntRange(1, 400), help="Every second of so many days can be reached.")
@click.option("--weeks", type=click.IntRange(0, 500), help="One backup of each week, so many weeks.")
@click.option("--months", type=click.IntRange(0, 500), help="One of each month, so many months.")
@as_json
def schedule(as_json: bool, **changes: Any) -> None:
    """Say when backups are made and how long they are kept; alone, show it."""
    _speak("schedule", as_json, changes={name: value for name, value in changes.items() if value is not None})


def _speak(what: str, as_json: bool, **arguments: Any) -> None:
    from appliance.backup import speak

    answer: Callable[..., int] = getattr(speak, what)
    sys.exit(speak.safely(answer, as_json=as_json, **arguments))
