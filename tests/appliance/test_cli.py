"""The command line: every module of `appliance.commands` is a command that says what it is for."""

import subprocess
import sys

import click
import pytest

from app.admin.__main__ import main as admin
from appliance.cli import studio

NAMES = studio.list_commands(click.Context(studio))


@pytest.mark.parametrize("name", NAMES)
def test_every_command_says_what_it_is_for(name: str) -> None:
    command = studio.get_command(click.Context(studio), name)

    assert command is not None
    assert command.name == name
    assert (command.help or "").strip().endswith((".", "`."))


def test_the_help_lists_what_people_type_and_hides_what_they_do_not() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "appliance.cli", "--help"], capture_output=True, text=True, check=True
    ).stdout

    assert "status" in shown
    assert "launch" not in shown


def test_an_unknown_command_is_refused_with_a_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "appliance.cli", "statsu"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "No such command 'statsu'" in done.stderr


def test_an_unknown_command_of_the_inner_door_names_those_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert admin(["sed"]) == 2
    said = capsys.readouterr().err
    assert "openapi|" in said
    assert "|seed" in said
