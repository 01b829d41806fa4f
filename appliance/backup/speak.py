"""What `studio backup` and `studio restore` say: to people with progress, to machines as one line of JSON."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from app.kit.backups import BackupRunning, Backups, BackupSchedule, BackupStatus
from app.kit.recovery import KitState, kit_state
from app.kit.settings import Settings, SettingsFaults, load_settings
from appliance import passport
from appliance.backup import drill as drilling
from appliance.backup import make as making
from appliance.backup import restore as restoring
from appliance.backup.kit import kit_from, kit_of, prove
from appliance.backup.remote import Remote, is_credential
from appliance.backup.restic import Repository
from appliance.backup.work import Watch, working
from appliance.files import write_atomically
from appliance.refusal import Refusal

console = Console(highlight=False)
ELSEWHERE: Final = (
    "The database is elsewhere (DATABASE_URL): a restore gives the moments of the backups. A moment between "
    "two is its provider's to give, who alone has its log."
)


def safely(answer: Callable[..., int], *, as_json: bool, **arguments: Any) -> int:
    """Run one answer and give the exit code; what stands in its way is said in its form."""
    try:
        return answer(load_settings(), as_json=as_json, **arguments)
    except SettingsFaults as exc:
        return _fail(str(exc), 78, as_json)
    except Refusal as exc:
        return _fail(exc.sentence, exc.exit_code, as_json)
    except PermissionError as exc:
        who = "Run it as the user who starts the box."
        return _fail(f"{exc.filename or 'The volume'} may not be used by this user. {who}", 77, as_json)


def now(settings: Settings, *, as_json: bool) -> int:
    """Make a backup."""
    with watched(as_json) as watch:
        made = making.make(settings, watch)
    if as_json:
        return say_json(made)
    added = "" if made.added_bytes is None else f", {decimal(made.added_bytes)} of it new"
    console.print(
        f"Backup {made.id} holds {spoken(made.made_at)}: the database ({decimal(made.database_bytes)}) and "
        f"{made.blobs} files ({decimal(made.blobs_bytes)}){added}. It took {made.took_s} s."
    )
    if not settings.database.embedded:
        console.print(ELSEWHERE)
    if _is_on_this_volume(settings):
        console.print(
            "It lies on the same volume: set STUDIO_BACKUP_REPOSITORY to keep it somewhere else.",
            style="yellow",
        )
    console.print("Without the recovery kit it opens nothing: `studio backup kit`.")
    return 0


def log(settings: Settings, *, as_json: bool) -> int:
    """Save the log."""
    with watched(as_json) as watch:
        making.save_log(settings, watch)
    until = Backups(settings.workspace).status().reach_until
    if as_json:
        return say_json({"reach_until": until})
    console.print(f"Every second until {spoken(until)} can be reached.")
    return 0


def show(settings: Settings, *, as_json: bool) -> int:
    """What there is."""
    status = Backups(settings.workspace).status()
    if as_json:
        return say_json(status)
    _print_status(status)
    if not settings.database.embedded:
        console.print(ELSEWHERE)
    _print_kit(kit_state(settings))
    return 0


def check(settings: Settings, *, as_json: bool, every_byte: bool) -> int:
    """Ask the repository."""
    backups = Backups(settings.workspace)
    with watched(as_json) as watch, working(backups, "check", watch) as work:
        work.phase("Opening the repository")
        repository = _repository(settings)
        repository.snapshots()
        work.phase("Reading every byte" if every_byte else "Looking through it")
        repository.check(every_byte=every_byte)
    if as_json:
        return say_json({"whole": True})
    console.print("The repository is whole.", style="green")
    return 0


def drill(settings: Settings, *, as_json: bool) -> int:
    """Prove the newest backup."""
    with watched(as_json) as watch:
        found = drilling.drill(settings, watch)
    code = {"proved": 0, "failed": 1, "could_not_run": 75}[found.outcome]
    if as_json:
        say_json(found)
        return code
    for answer in found.answers:
        console.print(f"{'✓' if answer.is_right else '✗'} {answer.sentence}")
    style = {"proved": "green", "failed": "red", "could_not_run": "yellow"}[found.outcome]
    console.print(f"{found.outcome.replace('_', ' ').capitalize()}: {found.sentence}", style=style)
    return code


def kit(settings: Settings, *, as_json: bool, out: Path | None, with_access: bool) -> int:
    """Print or write the kit."""
    found, moment = kit_of(settings, with_access=with_access), datetime.now(UTC)
    if as_json:
        return say_json(msgspec.structs.asdict(found) | {"check": found.check()})
    if out is None:
        sys.stdout.write(found.text(moment))
        return 0
    content = found.page(moment) if out.suffix in (".html", ".htm") else found.text(moment)
    write_atomically(out, content.encode(), 0o600)
    console.print(f"The recovery kit is in {out}. Keep it away from the backups, and from this machine.")
    return 0


def confirm(settings: Settings, *, as_json: bool, path: Path) -> int:
    """Note that somebody holds the kit."""
    held = prove(settings, path)
    if as_json:
        return say_json(held)
    console.print("It is this box's recovery kit: whoever holds it can restore the backups.", style="green")
    return 0


def key(settings: Settings, *, as_json: bool) -> int:
    """Print the public half of the SSH key."""
    line = Remote(settings).public_key()
    if as_json:
        return say_json({"public_key": line})
    sys.stdout.write(f"{line}\n")
    return 0


def schedule(settings: Settings, *, as_json: bool, changes: Mapping[str, Any]) -> int:
    """Show or change it."""
    backups = Backups(settings.workspace)
    wanted = backups.schedule()
    if changes:
        wanted = changed(wanted, changes)
        write_atomically(backups.folder / "schedule.json", msgspec.json.encode(wanted))
    if as_json:
        return say_json(wanted)
    when = (
        "Backups are made when somebody asks"
        if wanted.at is None
        else f"A backup every night at {wanted.at} UTC"
    )
    console.print(
        f"{when}. Every second of {wanted.days} days can be reached; after that one of each week for "
        f"{wanted.weeks} weeks and of each month for {wanted.months} months is kept."
    )
    return 0


def changed(schedule: BackupSchedule, changes: Mapping[str, Any]) -> BackupSchedule:
    """The schedule with these changes. Raises Refusal for a time that is none."""
    at = changes.get("at", schedule.at)
    found = msgspec.structs.replace(schedule, **{**changes, "at": None if at in (None, "off") else at})
    try:
        found.clock()
    except ValueError as exc:
        raise Refusal(
            f"“{at}” is no time of day. Write it as 03:00, in UTC, or “off”.", exit_code=64
        ) from exc
    return found


def restore(
    settings: Settings,
    *,
    as_json: bool,
    repository: str | None,
    kit_path: Path,
    at: str | None,
    replace: bool,
) -> int:
    """Bring a box back."""
    found = kit_from(kit_path)
    where = Repository(
        repository or found.repository,
        found.password,
        found.box_id,
        settings.workspace / "backups" / "cache",
        Remote(settings, found.access),
    )
    moment = None if at is None else _moment(at)
    with watched(as_json) as watch:
        restored = restoring.restore(
            settings, where, found, at=moment, replace=replace, phase=lambda phase: watch.show(phase, None)
        )
    if as_json:
        return say_json(restored)
    console.print(
        f"The box of {spoken(restored.moment)} is back: {restored.rows:,} rows and {restored.files:,} files, "
        f"made by Studio {restored.studio}."
    )
    if restored.missing:
        console.print(
            f"{len(restored.missing)} files that its database names are in no backup, such as "
            f"{restored.missing[0]}.",
            style="red",
        )
    if restored.set_aside:
        console.print(f"What was here before lies in {restored.set_aside}; delete it when nobody misses it.")
    if not settings.database.embedded:
        console.print("Its database is the one in DATABASE_URL.")
    if not where.address.startswith("/") and where.address != settings.backup_repository:
        asked = [f"STUDIO_BACKUP_REPOSITORY={where.shown}", *(n for n in found.access if is_credential(n))]
        console.print(f"So that it goes on with its backups there, set {', '.join(asked)}.")
    console.print(
        "Start it with `studio boot`. It holds schedules, deliveries and steps back until you have looked "
        "and say `studio restore --release`."
    )
    return 0


def release(settings: Settings, *, as_json: bool) -> int:
    """Let a restored box work."""
    was_held = Backups(settings.workspace).release()
    if as_json:
        return say_json({"was_held": was_held})
    console.print(
        "The box works again: what was held back goes on now." if was_held else "The box was not held."
    )
    return 0


class _Shown(Watch):
    """Progress as a bar on standard error, so that the answer can be piped."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._task = None if progress is None else progress.add_task("", total=None)

    def __call__(self, running: BackupRunning) -> None:
        self.show(running.phase, running.fraction)

    def show(self, phase: str, fraction: float | None) -> None:
        """Another phase, or more of it."""
        if self._progress is not None and self._task is not None:
            total = None if fraction is None else 1.0
            self._progress.update(self._task, description=phase, total=total, completed=fraction or 0.0)


@contextlib.contextmanager
def watched(as_json: bool) -> Iterator[_Shown]:
    """Whom work tells how far it is: nobody where a machine reads."""
    if as_json:
        yield _Shown(None)
        return
    columns = (TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Shown(progress)


def _repository(settings: Settings) -> Repository:
    box = passport.read(settings)
    if box is None:
        raise Refusal(f"There is no box at {settings.workspace} yet. Start it once with `studio boot`.")
    return Repository.of(settings, box.box_id)


def _print_status(status: BackupStatus) -> None:
    if status.running is not None:
        done = "" if status.running.fraction is None else f" ({status.running.fraction:.0%})"
        console.print(
            f"Under way: {status.running.what}, {status.running.phase.lower()}{done}", style="yellow"
        )
    if status.failure is not None:
        failed = (
            f"The last {status.failure.what} failed ({spoken(status.failure.at)}): {status.failure.sentence}"
        )
        console.print(failed, style="red")
    if not status.snapshots:
        console.print("There is no backup yet. Make one: `studio backup`.")
        return
    table = Table("backup", "of", "database", "files", "new", "Studio", box=None, pad_edge=False)
    for one in status.snapshots:
        new = "" if one.added_bytes is None else decimal(one.added_bytes)
        files = f"{one.blobs} ({decimal(one.blobs_bytes)})"
        table.add_row(one.id, spoken(one.made_at), decimal(one.database_bytes), files, new, one.studio)
    console.print(table)
    size = "" if status.repository_bytes is None else f", {decimal(status.repository_bytes)}"
    console.print(f"They lie in {status.repository}{size}.")
    if status.reach_from and status.reach_until:
        console.print(
            f"Every second from {spoken(status.reach_from)} to {spoken(status.reach_until)} can be reached."
        )
    proof = f"on {spoken(status.last_proved_at)}" if status.last_proved_at else "never"
    console.print(f"Proved by a restore: {proof}.", style="green" if status.last_proved_at else "yellow")


def _print_kit(kit: KitState | None) -> None:
    if kit is None:
        return
    if not kit.is_wanted:
        console.print(f"Somebody holds the recovery kit: shown on {spoken(kit.held_since)}.", style="green")
        return
    if kit.held_since is None:
        why = "Nobody has shown that they hold the recovery kit"
    else:
        why = f"The recovery kit has changed since it was shown on {spoken(kit.held_since)}"
    console.print(f"{why}: `studio backup kit --out FILE`, `studio backup confirm FILE`.", style="yellow")


def _is_on_this_volume(settings: Settings) -> bool:
    return Path(settings.backup_repository).is_relative_to(settings.workspace)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise Refusal(f"“{text}” is no moment. Write it as 2026-11-25T14:03:00Z.", exit_code=64) from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def spoken(moment: datetime | None) -> str:
    """A moment for people, in UTC."""
    return "never" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def say_json(answer: Any) -> int:
    """One line for a machine; the exit code of an answer."""
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    return 0


def _fail(sentence: str, code: int, as_json: bool) -> int:
    if as_json:
        say_json({"error": sentence})
    else:
        sys.stderr.write(f"{sentence}\n")
    return code
