"""Changing how many steps a lane runs at once while the box runs.

A worker learns of it by being started again: what it had begun is handed back and begins anew, unless its
lane was drained before.
"""

import os
import subprocess
import sys
from collections.abc import Mapping

import msgspec

from app.kit.settings import Settings
from appliance.crew import CODE
from appliance.files import write_atomically
from appliance.programs import BY_NAME, is_wanted
from appliance.refusal import Refusal
from appliance.slots import FILE, MOST, VARIABLES, chosen
from appliance.supervisor import Supervisor


def read(words: tuple[str, ...]) -> dict[str, int]:
    """`cpu=4 gpu=1` as numbers. Raises Refusal."""
    if not words:
        raise Refusal("Say how many steps at once, such as: studio workers scale cpu=4 gpu=1", exit_code=2)
    wanted: dict[str, int] = {}
    for word in words:
        lane, _, number = word.partition("=")
        if lane not in VARIABLES or not number.isdigit() or not 1 <= int(number) <= MOST[lane]:
            raise Refusal(
                f"“{word}” is no number of steps: cpu=1 to cpu={MOST['cpu']}, gpu=1 to gpu={MOST['gpu']}.",
                exit_code=2,
            )
        wanted[lane] = int(number)
    return wanted


def scale(settings: Settings, wanted: Mapping[str, int], *, wait: str | None) -> None:
    """Keep the numbers and start those workers again that run here. Raises Refusal.

    `wait`: how long running steps may take to end before, such as `10m`; without it they are handed back.
    """
    for lane in wanted:
        if os.environ.get(VARIABLES[lane]):
            raise Refusal(
                f"{VARIABLES[lane]} is set to {os.environ[VARIABLES[lane]]} where this box is started; "
                "change it there, or take it away."
            )
    kept = chosen(settings.workspace) | dict(wanted)
    try:
        write_atomically(settings.workspace / FILE, msgspec.json.encode(kept), mode=0o644)
    except OSError as exc:
        raise Refusal(f"{settings.workspace / FILE} could not be written: {exc.strerror}.") from exc
    for lane in wanted:
        program = BY_NAME[f"worker-{lane}"]
        if is_wanted(program, settings):
            _start_again(settings, lane, program.full_name, wait)
    if _supervisor(settings).answers():  # else there is no database to write it down in
        _admin("scaled", *(f"{lane}={number}" for lane, number in wanted.items()))


def _start_again(settings: Settings, lane: str, full_name: str, wait: str | None) -> None:
    supervisor = _supervisor(settings)
    if not supervisor.answers():
        return  # the box does not run; its next start takes the number
    if wait is not None:
        _admin("drain", lane, "--wait", wait)
    try:
        supervisor.stop(full_name)
        supervisor.start(full_name)
    except OSError as exc:
        raise Refusal(f"The {lane} worker could not be started again: {exc}") from exc
    finally:
        if wait is not None:
            _admin("resume", lane)


def _supervisor(settings: Settings) -> Supervisor:
    return Supervisor(settings.run_dir / "supervisor.sock", timeout_s=30.0)


def _admin(*arguments: str) -> None:
    command = [sys.executable, "-P", "-m", "app.admin", "workers", *arguments]
    subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": str(CODE)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=False,  # steps that did not end in time are handed back, as without a wait
    )
