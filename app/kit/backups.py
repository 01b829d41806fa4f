"""What the box knows about its backups, and the few files through which its programs tell each other.

Root makes backups (`appliance.backup`), the API and the daemon are an ordinary user. So they never call each
other: root writes `status.json`, everybody reads it; the API leaves a wish in `wishes/`, root looks there.

    backups/repository/   the restic repository, unless STUDIO_BACKUP_REPOSITORY names another place
    backups/wal/          the log since the last base backup, compressed segments
    backups/wal-of-another-past/   what had the name of a segment and another content; until the next backup
    backups/staging/      a backup while it is made
    backups/status.json   what was made and proved; `schedule.json`: when; `hold.json`: after a restore
    backups/kit.json      since when somebody has shown that they hold the recovery kit
    backups/rehearsals.json  how upgrades went on a copy; apart, since a newer version than the box writes it
    backups/remote/       what opens a repository elsewhere; for root alone
    backups/wishes/       “backup”, “drill”, “release”, “kit”, “healthy”: an empty file is the whole wish
    backups/lock          held by whoever makes a backup
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec

S = TypeVar("S")
What = Literal["backup", "drill", "log", "check"]
Wish = Literal["backup", "drill", "release", "kit", "healthy"]
Outcome = Literal["proved", "failed", "could_not_run"]
WISHES: Final[tuple[Wish, ...]] = ("backup", "drill", "release", "kit", "healthy")
KEPT_DRILLS: Final = 60  # a year of weekly ones, for the trend
KEPT_REHEARSALS: Final = 20
PROOF_MAX_AGE_S: Final = 8 * 24 * 3600.0
BACKUP_MAX_AGE_S: Final = 26 * 3600.0


class BackupSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """When backups are made and how long they are kept."""

    at: str | None = "03:00"  # UTC, every night; None: only when somebody asks
    days: int = 7  # each one of so many days is kept, and every second between them can be reached
    weeks: int = 4
    months: int = 6

    def clock(self) -> time | None:
        """The time of day. Raises ValueError when it is none."""
        return None if self.at is None else datetime.strptime(self.at, "%H:%M").time()  # noqa: DTZ007  UTC

    def next_after(self, now: datetime) -> datetime | None:
        """When the next backup is made by itself."""
        clock = self.clock()
        if clock is None:
            return None
        today = datetime.combine(now.astimezone(UTC).date(), clock, tzinfo=UTC)
        return today if today > now else today + timedelta(days=1)


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One backup that is whole and in its repository."""

    id: str
    made_at: datetime  # the moment it holds
    took_s: float | None  # None, as below: made before this volume was
    studio: str
    schema: str
    database_bytes: int
    blobs: int
    blobs_bytes: int
    added_bytes: int | None  # what the repository grew by


class DrillAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What one question of a drill found."""

    question: str
    is_right: bool
    sentence: str


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    """One rehearsal: a backup restored beside the live box and questioned."""

    at: datetime
    outcome: Outcome
    sentence: str
    studio: str  # which one tried it
    snapshot: str | None = None
    restore_s: float | None = None  # until the restored database answered
    answers: list[DrillAnswer] = []


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """How a version's migrations went on a restored copy."""

    at: datetime
    is_right: bool
    sentence: str
    studio: str  # which version was tried
    snapshot: str
    moment: datetime  # whose state the copy was
    before: str  # the schema of the backup
    after: str  # and what the migrations made of it
    restore_s: float
    migrate_s: float


class BackupRunning(msgspec.Struct, frozen=True, kw_only=True):
    """What is under way."""

    what: What
    phase: str
    fraction: float | None
    since: datetime
    pid: int


class BackupFailure(msgspec.Struct, frozen=True, kw_only=True):
    """The last thing that went wrong, until it goes right."""

    what: What
    at: datetime
    sentence: str


class LetGo(msgspec.Struct, frozen=True, kw_only=True):
    """The log was dropped at its bound, because no backup came; over with the next good one."""

    at: datetime
    sentence: str


class BackupStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The content of status.json. Times are when things ended; a restore may choose any from `reach_from`."""

    repository: str | None = None  # without what opens it
    last_good_at: datetime | None = None
    last_proved_at: datetime | None = None
    snapshots: list[Snapshot] = []  # newest first
    drills: list[Drill] = []  # newest first
    reach_from: datetime | None = None
    reach_until: datetime | None = None
    repository_bytes: int | None = None
    running: BackupRunning | None = None
    failure: BackupFailure | None = None
    let_go: LetGo | None = None


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """The content of hold.json: this box was restored, and nothing goes out before somebody says so."""

    restored_at: datetime
    moment: datetime  # whose state this is
    snapshot: str


class KitHeld(msgspec.Struct, frozen=True, kw_only=True):
    """The content of kit.json: somebody has shown that they hold the recovery kit."""

    since: datetime
    check: str  # of the kit they showed; a new key or another repository makes another kit


class Backups:
    """The folder `backups` of a volume, for whoever may read it."""

    def __init__(self, workspace: Path) -> None:
        self.folder = workspace / "backups"
        self.repository = self.folder / "repository"
        self.wal = self.folder / "wal"
        self.other_past = self.folder / "wal-of-another-past"
        self.staging = self.folder / "staging"
        self.wishes = self.folder / "wishes"
        self.remote = self.folder / "remote"
        self.lock = self.folder / "lock"
        self.hold_marker = self.folder / "hold.json"
        self.rehearsed = self.folder / "rehearsals.json"
        self.kit_marker = self.folder / "kit.json"

    def status(self) -> BackupStatus:
        """What was made and proved, and what is under way; an empty one where nothing was."""
        status = _read(self.folder / "status.json", BackupStatus) or BackupStatus()
        if status.running is not None and not self.is_busy():
            status = msgspec.structs.replace(status, running=None)
        return status

    def schedule(self) -> BackupSchedule:
        """When, and how long kept."""
        return _read(self.folder / "schedule.json", BackupSchedule) or BackupSchedule()

    def hold(self) -> Hold | None:
        """Why this box holds everything back, None when it does not."""
        return _read(self.hold_marker, Hold) if self.is_held() else None

    def is_held(self) -> bool:
        """The same in a microsecond, for those who ask before every step."""
        return self.hold_marker.exists()

    def release(self) -> bool:
        """Let a restored box work; whether it was held. For root: it takes the file away."""
        was_held = self.is_held()
        self.hold_marker.unlink(missing_ok=True)
        return was_held

    def kit_held(self) -> KitHeld | None:
        """Since when somebody has shown that they hold the kit, and which."""
        return _read(self.kit_marker, KitHeld)

    def rehearsals(self) -> list[Rehearsal]:
        """Upgrades that were tried on a copy, newest first."""
        return _read(self.rehearsed, list[Rehearsal]) or []

    def wish(self, wish: Wish) -> None:
        """Ask root for something; asking twice is asking once. Raises OSError where nobody listens."""
        # Root wishes as well, in a folder of another user's: never through a link.
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(self.wishes / wish, flags, 0o644))

    def wished(self) -> list[Wish]:
        """What is asked for and not begun."""
        return [wish for wish in WISHES if (self.wishes / wish).exists()]

    def is_busy(self) -> bool:
        """Whether a backup or a drill is under way; a killed one holds nothing."""
        with _opened(self.lock) as descriptor:
            return descriptor is not None and not _locks(descriptor, fcntl.LOCK_SH)


def _read(path: Path, into: type[S]) -> S | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=into)
    except (OSError, msgspec.MsgspecError):
        return None


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    """Open for a lock, None when it is not there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locks(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True
