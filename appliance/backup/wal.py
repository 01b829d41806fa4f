"""The log of the database as `archive` keeps it: which segments there are, and where they lead."""

import contextlib
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from app.kit.backups import Backups
from appliance.backup.segments import ENDING, is_same
from appliance.files import sync_folder
from appliance.log_names import PER_LOG, SEGMENT_BYTES, name_of, position, segment_at
from appliance.postgres import Cluster
from appliance.refusal import Refusal

PATIENCE_S = 120.0

_SEGMENT = re.compile(r"[0-9A-F]{24}")


def segment_of(timeline: int, lsn: str) -> str:
    """The segment that holds the byte at `lsn` (`A/FE001234`)."""
    return name_of(timeline, segment_at(position(lsn)))


def kept(folder: Path) -> list[str]:
    """The segments in a folder, in order."""
    names = (path.name.removesuffix(ENDING) for path in folder.glob(f"*{ENDING}"))
    return sorted(name for name in names if _SEGMENT.fullmatch(name))


def gap(names: Iterable[str], timeline: int, first_lsn: str, last_lsn: str) -> str | None:
    """The first segment from `first_lsn` to `last_lsn` that is not among `names`; None when all are there."""
    there = set(names)
    for segment in range(segment_at(position(first_lsn)), segment_at(position(last_lsn)) + 1):
        name = name_of(timeline, segment)
        if name not in there:
            return name
    return None


def leads_on(names: Iterable[str], timeline: int, first_lsn: str) -> bool:
    """Whether no segment from `first_lsn` to the newest is missing, on that timeline or later ones."""
    first = segment_of(timeline, first_lsn)
    later = {name[8:] for name in names if name[:8] >= first[:8] and name[8:] >= first[8:]}
    numbers = {int(name[:8], 16) * PER_LOG + int(name[8:], 16) for name in later}
    return first[8:] in later and len(numbers) == max(numbers) - min(numbers) + 1


def close_segment(cluster: Cluster) -> tuple[str, str]:
    """End the segment that is being written, so that everything committed by now gets into the archive.

    Gives a moment after all of that, and the segment that holds it.
    """
    said = cluster.run_sql(
        "SELECT point, pg_walfile_name(point) FROM pg_create_restore_point('studio') AS point;"
        "SELECT pg_switch_wal();"
    )
    lsn, name = said.splitlines()[0].split("|")
    return lsn, name


def await_kept(
    cluster: Cluster,
    folder: Path,
    name: str,
    patience_s: float = PATIENCE_S,
    hand_over: Callable[[], None] = lambda: None,
) -> None:
    """Wait until a segment is in the archive; `hand_over` puts there what Postgres does not put there itself.

    Raises Refusal with what the archiver complains of.
    """
    deadline = time.monotonic() + patience_s
    while not (folder / (name + ENDING)).exists():
        hand_over()
        if time.monotonic() > deadline:
            failed = cluster.run_sql("SELECT last_failed_wal FROM pg_stat_archiver WHERE failed_count > 0")
            why = f"keeping {failed} fails" if failed else "it is not closed"
            raise Refusal(
                f"The log of the database does not reach {folder}: {why}. Look at the lines of "
                "studio-postgres, and at space and rights there.",
                exit_code=74,
            )
        time.sleep(0.02)


def in_the_way(cluster: Cluster, folder: Path) -> list[str]:
    """Segments that Postgres cannot hand over, because others of their names are kept.

    They are of a past that this database does not have: its files were put back to a former state by hand.
    """
    log = cluster.data / "pg_wal"
    names = (path.stem for path in (log / "archive_status").glob("*.ready"))
    return sorted(
        name
        for name in names
        if (folder / (name + ENDING)).exists() and not is_same(log / name, folder / (name + ENDING))
    )


def set_aside(backups: Backups, names: Iterable[str]) -> None:
    """Take segments of another past out of the way; the next backup carries them along."""
    backups.other_past.mkdir(mode=0o700, exist_ok=True)
    for name in names:
        (backups.wal / (name + ENDING)).replace(backups.other_past / (name + ENDING))
    sync_folder(backups.wal)


def kept_bytes(folder: Path) -> int:
    """What the archive takes; what goes meanwhile is not counted."""
    total = 0
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def waiting_bytes(cluster: Cluster) -> int:
    """What Postgres holds back, because it could not be kept yet."""
    return SEGMENT_BYTES * len(list((cluster.data / "pg_wal" / "archive_status").glob("*.ready")))


def forget_all(folder: Path) -> None:
    """Nothing leads on from anything any more."""
    for name in kept(folder):
        (folder / (name + ENDING)).unlink(missing_ok=True)


def forget_before(folder: Path, name: str) -> int:
    """Remove the segments that come before `name` on any timeline, and drafts of killed keepers."""
    gone = [old for old in kept(folder) if old[8:] < name[8:]]
    for old in gone:
        (folder / (old + ENDING)).unlink(missing_ok=True)
    for draft in folder.glob(".*"):
        if time.time() - draft.stat().st_mtime > 3600:
            draft.unlink(missing_ok=True)
    return len(gone)
