"""What `studio status` and `studio version` print. Reads files and supervisord only: no database, no API."""

import contextlib
import fcntl
import os
import platform
import subprocess
import sys
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.kit.settings import Settings, SettingsFaults, load_settings
from app.kit.version import studio_version
from app.kit.volume import ROOM_FILE, VOLUME_FILE, Room, Volume, read
from appliance import passport, progress
from appliance.postgres import Cluster
from appliance.programs import PROGRAMS, is_wanted
from appliance.redis import redis_binary
from appliance.refusal import Refusal
from appliance.supervisor import ProgramState, Supervisor

COLORS = {
    "ready": "green",
    "done": "green",
    "RUNNING": "green",
    "starting": "yellow",
    "running": "yellow",
    "STARTING": "yellow",
    "stopping": "yellow",
    "STOPPING": "yellow",
    "off": "dim",
    "stopped": "dim",
    "not running": "dim",
}


class ProgramLine(msgspec.Struct, frozen=True):
    """One program in the status: `off` is one that this box's settings do not want."""

    name: str
    state: str
    detail: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer, as `--json` prints it."""

    state: str
    sentence: str | None
    address: str | None
    version: str
    phases: list[progress.Phase]
    programs: list[ProgramLine]
    volume: Volume | None = None
    room: Room | None = None


def show_status(as_json: bool) -> int:
    """Print the status; 0 when the box is ready, 1 when not, 78 when the settings cannot be read."""
    try:
        settings = load_settings()
    except SettingsFaults as exc:
        sys.stderr.write(f"{exc}\n")
        return 78
    found = gather(settings)
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        _print(found)
    return 0 if found.state == "ready" else 1


def gather(settings: Settings) -> Status:
    """Put together what the last boot wrote and what supervisord says now."""
    report = progress.read(settings)
    if report is None:
        return Status(
            state="not running",
            sentence="No Studio runs on this workspace. Start it with `studio boot`.",
            address=None,
            version=studio_version(),
            phases=[],
            programs=[],
        )
    alive = is_alive(settings)
    state, sentence = report.state, report.sentence
    shown: str = state
    if not alive and state in ("starting", "ready", "stopping"):
        shown, sentence = "not running", "The last boot was killed; start Studio again."
    programs = _programs(settings) if alive else []
    return Status(
        state=shown,
        sentence=sentence,
        address=report.address,
        version=report.version,
        phases=report.phases,
        programs=programs,
        volume=read(settings.run_dir / VOLUME_FILE, Volume),
        room=read(settings.run_dir / ROOM_FILE, Room) if alive else None,
    )


def is_alive(settings: Settings) -> bool:
    """Whether a boot holds this run-time folder. The lock tells it even where process ids say nothing."""
    try:
        descriptor = os.open(settings.run_dir / "studio.lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _programs(settings: Settings) -> list[ProgramLine]:
    states: dict[str, ProgramState] = {}
    with contextlib.suppress(OSError):
        states = {state.name: state for state in Supervisor(settings.run_dir / "supervisor.sock").states()}
    lines = []
    for program in PROGRAMS:
        state = states.get(program.name)
        if not is_wanted(program, settings):
            lines.append(ProgramLine(program.name, "off", "not wanted by the settings"))
        elif state is None:
            lines.append(ProgramLine(program.name, "unknown", "supervisord does not answer this user"))
        else:
            lines.append(ProgramLine(program.name, state.state, state.detail))
    return lines


def _print(found: Status) -> None:
    console = Console()
    head = Text.assemble("Studio ", found.version, " is ", (found.state, COLORS.get(found.state, "red")))
    console.print(head + Text(f" at {found.address}" if found.address else ""))
    if found.sentence:
        console.print(found.sentence)
    if found.volume and found.room:
        console.print(f"Storage is {found.volume.mode}: {found.volume.promise}", highlight=False)
        console.print(_room_line(found.room), highlight=False)
    if found.phases:
        table = Table("phase", "state", "seconds", "", box=None, pad_edge=False)
        for phase in found.phases:
            table.add_row(phase.title, _colored(phase.state), f"{phase.duration_s:.2f}", phase.detail or "")
        console.print(table)
    if found.programs:
        table = Table("program", "state", "", box=None, pad_edge=False)
        for line in found.programs:
            table.add_row(line.name, _colored(line.state), line.detail)
        console.print(table)


def _room_line(room: Room) -> str:
    free, total = f"{room.free_bytes / 1e9:,.1f}", f"{room.total_bytes / 1e9:,.1f} GB"
    whose = " of the quota" if room.quota_bytes is not None else ""
    return f"{free} of {total}{whose} are free. {room.sentence} {room.remedy}".rstrip()


def _colored(state: str) -> Text:
    return Text(state, COLORS.get(state, "red"))


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """The versions of a box; None for what is not on this machine."""

    studio: str
    python: str
    postgres: str | None
    redis: str | None
    box_id: str | None


def show_version(as_json: bool) -> None:
    """Print the versions."""
    found = _versions()
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return
    console = Console()
    for name, value in msgspec.structs.asdict(found).items():
        console.print(f"{name:9} {value or 'none'}", highlight=False)


def _versions() -> Versions:
    postgres = redis = box_id = None
    with contextlib.suppress(Refusal, SettingsFaults, OSError):
        settings = load_settings()
        found = passport.read(settings)
        box_id = found.box_id if found else None
        postgres = _first_number(Cluster(settings).binary("postgres"))
    with contextlib.suppress(Refusal, OSError):
        redis = _first_number(Path(redis_binary("redis-server")))
    return Versions(
        studio=studio_version(),
        python=platform.python_version(),
        postgres=postgres,
        redis=redis,
        box_id=box_id,
    )


def _first_number(binary: Path) -> str | None:
    """`postgres (PostgreSQL) 17.2 (Debian …)`, `Redis server v=8.0.2 sha=…` → the number."""
    said = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=False).stdout
    words = (word.removeprefix("v=") for word in said.split())
    return next((word for word in words if word[:1].isdigit()), None)
