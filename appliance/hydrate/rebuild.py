"""Putting a cluster together again from the newest base backup and the log after it.

The segments are copied into the cluster's own folder of the log, and Postgres replays them as it would after
a power cut, on the same timeline. So there is no `restore_command`, whose exit code could tell “no more log”
where it means “permission denied”: a file that cannot be read stops the boot here, with its name.
"""

import os
import shutil
from pathlib import Path

from app.kit.log import get_logger
from appliance import log_names
from appliance.backup import base
from appliance.files import sync_folder
from appliance.hydrate.home import Home
from appliance.postgres import Cluster
from appliance.refusal import Refusal
from appliance.users import Account

log = get_logger(__name__)

LIFE_FILE = "studio-life"  # in the local cluster: of which life it is


def is_current(home: Home, cluster: Cluster) -> bool:
    """Whether the local cluster is the one that wrote to the volume last: then it has at least as much."""
    life = home.life()
    try:
        return life is not None and (cluster.data / LIFE_FILE).read_text().strip() == life
    except OSError:
        return False


def rebuild(home: Home, cluster: Cluster, account: Account) -> str | None:
    """Make the local cluster from the volume; what was done in words, None where there is nothing yet.

    Raises Refusal when a part of the log is missing or cannot be read.
    """
    found = home.newest_base()
    if found is None:
        return None
    facts = base.describe(found)
    _join_before_the_gap(home, facts)
    segments = _segments(home, found, facts)
    draft = cluster.data.with_name(f".rebuild-{cluster.major}")
    shutil.rmtree(draft, ignore_errors=True)
    cluster.note.unlink(missing_ok=True)  # it speaks of the cluster that was here before
    if cluster.data.exists():
        shutil.rmtree(cluster.data)
    try:
        shutil.copytree(found, draft, ignore=lambda folder, names: _left_out(found, folder, names))
        for name, path in segments.items():
            _copy_segment(path, draft / "pg_wal" / name)
    except OSError as exc:
        shutil.rmtree(draft, ignore_errors=True)
        raise Refusal(
            f"The database could not be rebuilt from the volume: {exc.strerror or exc} "
            f"({exc.filename or found}). Nothing is lost; mend it and start Studio again.",
            exit_code=74,
        ) from exc
    _hand_over(draft, account)
    draft.rename(cluster.data)
    size = sum(path.stat().st_size for path in segments.values())
    return f"rebuilt from the base of {found.name} and {size / 1024**2:.0f} MiB of log"


def refuse_short(home: Home, cluster: Cluster) -> str:
    """Compare where recovery ended with what was acknowledged. Raises Refusal when it is less.

    The last checkpoint is the one that recovery ended with: nothing else has been written yet.
    """
    reached = cluster.run_sql("SELECT checkpoint_lsn FROM pg_control_checkpoint()")
    promised = home.acknowledged()
    if promised is not None and log_names.position(reached) < log_names.position(promised.lsn):
        raise Refusal(
            f"The log on the volume ends at {reached}, but transactions up to {promised.lsn} were confirmed "
            f"by {promised.at}: a part of hydrate/{cluster.major}/wal is missing or damaged. Put it back "
            "from a copy of the volume, or restore a backup. To go on with what is there and lose the rest, "
            f"remove hydrate/{cluster.major}/acknowledged.json.",
            exit_code=74,
        )
    return reached


def fill_in(home: Home, timeline: int, end: int) -> bool:
    """Put into the received log, up to the segment `end`, what the base has of it and the volume never got.

    The receiver goes on where that log ends, and asks in vain for what Postgres no longer has. Gives whether
    something is missing all the same: then no moment in between can be reached.
    """
    received = log_names.segments_in(home.wal, timeline)
    found = home.newest_base()
    if found is None or not received:
        return False
    whole = [number for number, path in received.items() if not path.suffix]
    missing = range(max(whole) + 1 if whole else min(received), end)
    own = log_names.segments_in(found / "pg_wal", timeline)
    for number in missing:
        if number in own:
            name = log_names.name_of(timeline, number)
            draft = home.wal / f".{name}"
            with own[number].open("rb") as source, draft.open("wb") as file:
                shutil.copyfileobj(source, file)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(home.wal / name)
            (home.wal / f"{name}.partial").unlink(missing_ok=True)
    sync_folder(home.wal)
    return not own.keys() >= set(missing)


def _segments(home: Home, found: Path, facts: base.Base) -> dict[str, Path]:
    """Every segment from the base's start on, by its whole name. Raises Refusal at a gap."""
    try:
        own = log_names.segments_in(found / "pg_wal", facts.timeline)
        received = log_names.segments_in(home.wal, facts.timeline)
    except OSError as exc:
        raise Refusal(
            f"The log on the volume cannot be read ({exc.strerror}: {exc.filename}).", exit_code=74
        ) from exc
    # What was received goes before what the base brought: it goes on where that one ends. But while the
    # volume is behind, a base brings more of the segment that is still being received.
    partial = {number: path for number, path in received.items() if path.suffix}
    shorter = [n for n, path in partial.items() if n in own and _filled(own[n]) > _filled(path)]
    every = own | received | {number: own[number] for number in shorter}
    start = log_names.segment_at(log_names.position(facts.start_lsn))
    gap = log_names.first_gap(every, start)
    if gap is not None:
        raise Refusal(
            f"The log on the volume has a gap: {log_names.name_of(facts.timeline, gap)} is missing "
            f"from hydrate/{facts.major}/wal. Put it back from a copy of the volume, or restore a backup.",
            exit_code=74,
        )
    return {
        log_names.name_of(facts.timeline, number): path for number, path in every.items() if number >= start
    }


def _join_before_the_gap(home: Home, facts: base.Base) -> None:
    """The log began anew, and the disk was lost before there was a base to go with it: go on from before.

    Nothing was confirmed in between, so nothing of it is missed.
    """
    if not home.outrun.exists():
        return
    first = min(log_names.segments_in(home.wal, facts.timeline), default=None)
    if first is not None and log_names.segment_at(log_names.position(facts.start_lsn)) >= first:
        return  # this base is the one that was made after the gap
    home.put_beyond(home.wal.iterdir())
    home.wal.rmdir()
    home.outrun.rename(home.wal)


def _filled(segment: Path) -> int:
    """How many bytes of a segment are written; the rest is zeros."""
    return len(segment.read_bytes().rstrip(b"\0"))


def _left_out(found: Path, folder: str, names: list[str]) -> list[str]:
    """What of the base is not copied: its segments, which come from the volume and may be longer there; and
    of which life it was, for this one has yet to prove that it is all there.
    """
    is_log = Path(folder) == found / "pg_wal"
    return [name for name in names if name == LIFE_FILE or (is_log and len(name) == 24)]


def _copy_segment(source: Path, target: Path) -> None:
    """One segment in full length: one that was being written may have been cut where the line broke."""
    shutil.copyfile(source, target)
    if target.stat().st_size != log_names.SEGMENT_BYTES:
        os.truncate(target, log_names.SEGMENT_BYTES)


def _hand_over(draft: Path, account: Account) -> None:
    """Everything to the user of Postgres, private, whatever the volume made of owners and modes."""
    for folder, _, names in os.walk(draft):
        os.chown(folder, account.uid, account.gid)
        Path(folder).chmod(0o700)
        for name in names:
            path = Path(folder, name)
            os.chown(path, account.uid, account.gid)
            path.chmod(0o600)
