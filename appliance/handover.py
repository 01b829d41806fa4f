"""What is done by others: the schema by `app.migrations`, first things and commands by `app.admin`."""

import os
import signal
import subprocess
import sys
from typing import NoReturn

import msgspec

from app.kit.settings import KEY_NAMES, Settings
from app.kit.voice import emit
from appliance import keys
from appliance.crew import CODE, program_environment
from appliance.refusal import Refusal
from appliance.users import as_account, service_account, umask


class Claim(msgspec.Struct, frozen=True):
    """The answer of `python -m app.admin seed`: is the box claimed, and if not, with what it can be."""

    claimed: bool
    setup_token: str | None = None


def migrate(settings: Settings) -> None:
    """Bring the schema to this version, or only look when CREATE_TABLES=false. Raises Refusal."""
    command = [sys.executable, "-m", "app.migrations", "upgrade" if settings.create_tables else "check"]
    if _run(settings, command, output=None).returncode != 0:
        raise Refusal("The database is not at this version's schema; the line above says why and what to do.")


def seed(settings: Settings) -> Claim:
    """Install what a fresh box starts with and claim it when the settings say by whom. Raises Refusal."""
    command = [sys.executable, "-m", "app.admin", "seed"]
    done = _run(settings, command, output=subprocess.PIPE)
    claim = None
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        try:
            claim = msgspec.json.decode(line, type=Claim)
        except msgspec.DecodeError:
            emit(line)  # its log
    if done.returncode != 0 or claim is None:
        raise Refusal(
            "The box's first things could not be put in place; the lines above say why.", exit_code=70
        )
    return claim


def ask_admin(settings: Settings, *arguments: str, limit_s: float) -> subprocess.CompletedProcess[bytes]:
    """Run a command of `app.admin` for its answer, as the service's user. Raises TimeoutExpired."""
    return subprocess.run(
        as_account(service_account(settings), [sys.executable, "-P", "-m", "app.admin", *arguments]),
        env=keys.handed(program_environment(settings), settings, KEY_NAMES) | {"PYTHONPATH": str(CODE)},
        umask=umask(settings),
        cwd=CODE,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=limit_s,
        check=False,
    )


def become_admin(*arguments: str) -> NoReturn:
    """Go on as `python -m app.admin`, in the same process: its exit code and its Ctrl-C are ours.

    The caller's folder may hold an `app` of its own, so it is not looked into (-P).
    """
    found = os.environ.get("PYTHONPATH")
    paths = os.pathsep.join([str(CODE), *([found] if found else [])])
    command = [sys.executable, "-P", "-m", "app.admin", *arguments]
    os.execve(command[0], command, os.environ | {"PYTHONPATH": paths})  # noqa: S606  no shell is wanted


def _run(settings: Settings, command: list[str], output: int | None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        as_account(service_account(settings), command, death_signal=signal.SIGTERM),
        env=keys.handed(program_environment(settings), settings, KEY_NAMES),
        umask=umask(settings),
        cwd=CODE,
        stdin=subprocess.DEVNULL,
        stdout=output,
        start_new_session=True,  # a Ctrl-C is for boot, which decides
        check=False,
    )
