"""What is done by others: the schema by `app.migrations`, first things and commands by `app.admin`."""

import os
import signal
import subprocess
import sys
from typing import NoReturn, TypeVar

import msgspec

from app.kit.settings import KEY_NAMES, Settings
from app.kit.voice import emit
from appliance import keys
from appliance.crew import CODE, program_environment
from appliance.refusal import Refusal
from appliance.users import as_account, service_account, umask

T = TypeVar("T", bound=msgspec.Struct)


class Claim(msgspec.Struct, frozen=True):
    """The answer of `python -m app.admin seed`: is the box claimed, and if not, with what it can be."""

    claimed: bool
    setup_token: str | None = None


class Look(msgspec.Struct, frozen=True):
    """The answer of `python -m app.migrations look`: how the database stands to this version."""

    current: str | None  # None: it is empty
    head: str
    is_known: bool  # False: a newer Studio made its schema
    pending: list[str]


class Canary(msgspec.Struct, frozen=True):
    """The answer of `python -m app.admin canary`: what worked, in words, and what did not.

    `is_whole`: all that this box serves was tried.
    """

    failure: str | None
    cpu: str = "not tried"
    gpu: str = "not tried"
    is_whole: bool = False


def look(settings: Settings) -> Look:
    """Ask which migrations the database still needs. Raises Refusal when it does not answer."""
    command = [sys.executable, "-m", "app.migrations", "look"]
    done = _run(settings, command, output=subprocess.PIPE)
    found = _last_answer(done.stdout, Look)
    if done.returncode != 0 or found is None:
        raise Refusal(
            "The database could not be asked for its schema; the line above says why.", exit_code=70
        )
    return found


def migrate(settings: Settings) -> None:
    """Bring the schema to this version, or only look when CREATE_TABLES=false. Raises Refusal."""
    command = [sys.executable, "-m", "app.migrations", "upgrade" if settings.create_tables else "check"]
    if _run(settings, command, output=None).returncode != 0:
        raise Refusal("The database is not at this version's schema; the line above says why and what to do.")


def seed(settings: Settings) -> Claim:
    """Install what a fresh box starts with and claim it when the settings say by whom. Raises Refusal."""
    command = [sys.executable, "-m", "app.admin", "seed"]
    done = _run(settings, command, output=subprocess.PIPE)
    claim = _last_answer(done.stdout, Claim)
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


def canary(settings: Settings) -> Canary:
    """Use the running box as a person would. What could not be asked counts as not working."""
    command = [sys.executable, "-m", "app.admin", "canary"]
    done = _run(settings, command, output=subprocess.PIPE)
    found = _last_answer(done.stdout, Canary)
    return found or Canary(f"The canary ended with code {done.returncode}; the lines above may say why.")


def become_admin(*arguments: str) -> NoReturn:
    """Go on as `python -m app.admin`, in the same process: its exit code and its Ctrl-C are ours.

    The caller's folder may hold an `app` of its own, so it is not looked into (-P).
    """
    found = os.environ.get("PYTHONPATH")
    paths = os.pathsep.join([str(CODE), *([found] if found else [])])
    command = [sys.executable, "-P", "-m", "app.admin", *arguments]
    os.execve(command[0], command, os.environ | {"PYTHONPATH": paths})  # noqa: S606  no shell is wanted


def _last_answer(output: bytes, kind: type[T]) -> T | None:
    """The line that is an answer; the others are its log, and are said."""
    answer = None
    for line in output.decode("utf-8", "replace").splitlines():
        try:
            answer = msgspec.json.decode(line, type=kind)
        except msgspec.DecodeError:
            emit(line)
    return answer


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
