"""`python -m appliance.launch <program>`: becomes one program of the box. supervisord calls it.

It works out command line, environment and user, connects the program to its line pipe, waits for what the
program needs, drops privileges, and execs: the process supervisord knows is the program itself.
"""

import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from app.kit.settings import Settings, SettingsFaults, load_settings
from appliance import keys, slots
from appliance.files import is_read_only
from appliance.limits import thread_environment
from appliance.postgres import Cluster
from appliance.programs import BY_NAME, Program, is_wanted
from appliance.redis import Server
from appliance.refusal import Refusal
from appliance.users import umask

LOOK_S = 0.5
WAIT_S = 60.0  # for Postgres to recover after a crash; then the program ends and supervisord tries again


def main(name: str) -> None:
    """Does not return, except with SystemExit and a sentence."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the end of what only waits is no traceback
        settings = load_settings()
        program = BY_NAME[name]
        speak_through(lines_pipe(settings, name), program)
        environment = environment_of(program, settings, os.environ)
        command = program.command(settings)
        wait_for_home(program, settings)
        wait_for(program, settings)
        os.umask(umask(settings))
    except (SettingsFaults, Refusal) as exc:
        sys.exit(str(exc))
    os.execvpe(command[0], command, environment)  # noqa: S606  becoming the program is what this is for


def lines_pipe(settings: Settings, name: str) -> Path:
    """Where the boot reads what a program prints."""
    return settings.run_dir / "lines" / name


def speak_through(pipe: Path, program: Program) -> None:
    """Connect standard output and error to the program's pipe; without a boot they stay as they are."""
    try:
        descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return
    os.set_blocking(descriptor, True)
    os.write(descriptor, b"\n")  # ends a line that a killed predecessor left unfinished
    if not program.keeps_stdout:
        # supervisord looks once a second who has died, unless one of its pipes moves. Kept open, this one
        # ends with the program: measured, a killed one is started again after 1.1 s instead of 2.1 s.
        os.set_inheritable(fcntl.fcntl(1, fcntl.F_DUPFD, 3), True)
        os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def environment_of(program: Program, settings: Settings, inherited: Mapping[str, str]) -> dict[str, str]:
    """What the program sees: its own minimal set, or ours without supervisord's and others' secrets."""
    if program.environment is not None:
        return program.environment(settings)
    hidden = [name + suffix for name in (*program.hidden, "SUPERVISOR_*") for suffix in ("", "_FILE")]
    environment = {
        name: value
        for name, value in inherited.items()
        if not any(fnmatchcase(name, pattern) for pattern in hidden)
    }
    environment = keys.handed(environment, settings, program.keys)
    if program.role in ("worker-cpu", "worker-gpu"):
        environment |= slots.variables(settings.workspace, environment)
    account = program.account(settings)
    environment |= {"HOME": account.home, "USER": account.name, "PYTHONUNBUFFERED": "1"}
    # It follows from the tunnel's token, which is not shown to anybody but the tunnel.
    environment["STUDIO_BEHIND_CLOUDFLARE"] = str(settings.behind_cloudflare).lower()
    # The image's users have a home that nobody may write.
    environment.setdefault("XDG_CACHE_HOME", str(settings.tmp_dir / f"cache-{account.name}"))
    return environment | thread_environment()


def wait_for_home(program: Program, settings: Settings) -> None:
    """Wait until what it keeps is there and writable, however long: started on a volume that is not, Postgres
    ends again and again, and the box with it. Why it waits, the boot's keeper says.
    """
    if program.home is None:
        return
    home = program.home(settings)
    while not home.is_dir() or is_read_only(home):
        time.sleep(LOOK_S)


def wait_for(program: Program, settings: Settings) -> None:
    """Give Postgres and Redis of this box time to answer. Raises Refusal when they do not."""
    doors: dict[str, Callable[[], Callable[[], bool]]] = {
        "postgres": lambda: Cluster(settings).ready,
        "redis": lambda: Server(settings).ready,
    }
    deadline = time.monotonic() + WAIT_S
    for name in program.waits_for:
        if not is_wanted(BY_NAME[name], settings):
            continue
        answers: Callable[[], bool] = doors[name]()
        while not answers():
            if time.monotonic() > deadline:
                raise Refusal(f"{name} did not answer within {WAIT_S:.0f} s.")
            time.sleep(0.1)


if __name__ == "__main__":
    main(sys.argv[1])
