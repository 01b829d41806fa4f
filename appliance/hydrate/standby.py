"""Watches that the volume confirms what Postgres writes: notes how far, says when not, makes the bases."""

import shutil
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from app.kit.backups import Backups
from app.kit.ids import new_id
from app.kit.log import get_logger
from app.kit.settings import Settings
from app.kit.volume import ROOM_FILE, Room, read
from appliance import log_names
from appliance.backup import base
from appliance.backup import wal as archived
from appliance.backup.line import break_off
from appliance.hydrate import archive, rebuild
from appliance.hydrate.home import Home
from appliance.hydrate.lease import Lease
from appliance.postgres import STANDBY, SUPERUSER, Cluster
from appliance.refusal import Refusal
from appliance.users import postgres_account

if TYPE_CHECKING:
    import psycopg

log = get_logger(__name__)

LOOK_S = 2.0
STALL_S = 10.0  # without a word from the volume
KEPT_BASES = 2
SPARE_BYTES = 64 * 1024**2  # stays free on the volume, whatever is copied there
BASE_PAUSE_S = 60.0  # after one that could not be made
BASE_AFTER_BYTES = 1024**3  # of log since the last base: a boot replays no more than about this
BASE_AFTER_S = 24 * 3600.0

_STATE = """
SELECT pg_current_wal_lsn()::text,
       (SELECT flush_lsn::text FROM pg_stat_replication WHERE application_name = %s LIMIT 1),
       (SELECT wal_status FROM pg_replication_slots WHERE slot_name = %s),
       current_setting('synchronous_standby_names') = %s
"""
# Nobody's name: while there is no base that goes with the log, commits wait.
NOBODY = "studio_volume_once_it_has_a_base"


class _Seen(NamedTuple):
    """What Postgres said at the last look."""

    flushed: str | None
    slot: str | None
    is_synchronous: bool


class Standby:
    """One life of a database whose truth is on the volume."""

    def __init__(
        self, settings: Settings, cluster: Cluster, on_usurped: Callable[[str], None] = lambda _: None
    ) -> None:
        """`on_usurped` hears the sentence when another box has taken the volume."""
        self._settings = settings
        self._cluster = cluster
        self._home = Home(settings, cluster.major)
        self._lease = Lease(self._home.root / "lease")
        self._on_usurped = on_usurped
        self._stopping = threading.Event()
        self._base_maker = threading.Thread(target=self._try_base, daemon=True)
        self._confirmed_s = time.monotonic()
        self._written = 0  # where the log ended at the last look
        self._noted: str | None = None
        self._seen = _Seen(None, None, False)
        self._is_stalled = False
        self._is_asynchronous = False
        self._is_starting_over = False
        self._base_fault = ""

    def bring_back(self) -> str | None:
        """Before the cluster is prepared: the local one, if it wrote to the volume last, else rebuilt."""
        self._home.make()
        self._lease.take()
        if rebuild.is_current(self._home, self._cluster):
            return "the one of before"
        self._cluster.make_root()
        return rebuild.rebuild(self._home, self._cluster, postgres_account(self._settings))

    def open(self) -> None:
        """When Postgres serves and nothing is written yet: is all there that was promised? Then the slot.

        Raises Refusal. The slot comes before the receiver, and both before the first base: a base whose log
        begins before the slot would look whole and could not be recovered.
        """
        reached = rebuild.refuse_short(self._home, self._cluster)
        if not rebuild.is_current(self._home, self._cluster):
            self._cut_off(reached)
            life = str(new_id())
            self._home.begin_life(life)
            (self._cluster.data / rebuild.LIFE_FILE).write_text(life)
        self._cluster.run_sql(
            f"""
            SELECT pg_create_physical_replication_slot('{STANDBY}', true)
             WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '{STANDBY}')
            """  # noqa: S608  our own name
        )
        if self._home.outrun.exists():  # killed before there was a base: nothing is confirmed until there is
            self.make_base()

    def settle(self) -> None:
        """When the roles are there: the first base, without which the log alone is worth nothing."""
        if self._home.newest_base() is None:
            self.make_base()
        for work in (self._watch, self._keep):
            threading.Thread(target=work, daemon=True).start()

    def stop(self) -> None:
        """No more looks."""
        self._stopping.set()

    def release(self) -> None:
        """When Postgres has stopped: the next box may begin at once."""
        self._lease.release()

    def trouble(self) -> str | None:
        """Why nothing new may be taken in now, if so."""
        if self._settings.storage_stall == "available":
            return None
        if self._is_starting_over:
            return (
                "The volume was away for so long that its log has a gap. Commits wait until a new base "
                "backup is there; if none can be made, the lines of studio-boot say why."
            )
        if not self._is_stalled:
            return None
        return "The volume no longer confirms what the database writes, so nothing new is taken in."

    def risk(self) -> str:
        """What could be lost now that could not be lost else; empty: nothing."""
        said = []
        if self._is_asynchronous:
            said.append(
                "The volume does not confirm; until it does, new transactions are on this machine alone."
            )
        if self._base_fault:
            said.append(
                f"The volume gets no new base backup of the database: {self._base_fault} Until it does, the "
                "log since the last one has to stay there, and grows."
            )
        return " ".join(said)

    def make_base(self) -> None:
        """Copy the running cluster to the volume, check the copy, and forget what it replaces."""
        self._make_room()
        name = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        draft = self._home.bases / f".{name}"
        base.take(self._cluster, draft)
        draft.rename(self._home.bases / name)
        log.info("the volume has a base backup of the database", action="base_made", base=name)
        if self._home.outrun.exists():  # the log has begun anew: what is older leads nowhere
            shutil.rmtree(self._home.outrun, ignore_errors=True)
            self._forget_old(kept=1)
        self._forget_old()
        if self._is_starting_over:
            self._cluster.set_standby(STANDBY)
            self._is_starting_over = False

    def _cut_off(self, reached: str) -> None:
        """What lies behind the end that this database was rebuilt to is not its own future: out of the way.

        A whole segment is among it when its last record went on in a part that never arrived: Postgres writes
        another one in that place, and the receiver would take the segment for done.
        """
        timeline = int(self._cluster.run_sql("SELECT timeline_id FROM pg_control_checkpoint()"))
        end = log_names.segment_at(log_names.position(reached))
        received = log_names.segments_in(self._home.wal, timeline)
        beyond = [path for n, path in received.items() if n > end or (n == end and not path.suffix)]
        if beyond:
            names = ", ".join(sorted(path.name for path in beyond))
            log.warning("the database was rebuilt to %s; beyond lies %s", reached, names, action="log_beyond")
            self._home.put_beyond(beyond)
        backups = Backups(self._settings.workspace)
        has_gap = rebuild.fill_in(self._home, timeline, end)
        others = archive.strangers(self._home, backups.wal, timeline, end)
        if others:
            archived.set_aside(backups, others)
            break_off(backups, f"{', '.join(others)} is not of the log that the database was rebuilt from.")
        elif has_gap:
            break_off(backups, "the volume was behind when the disk was lost, and never got all of the log.")

    def _make_room(self) -> None:
        """The older base, and the log before the newest, give way to the next one. Raises Refusal."""
        need_bytes = int(self._cluster.run_sql("SELECT sum(pg_database_size(oid)) FROM pg_database"))
        need_bytes += SPARE_BYTES
        if self._free_bytes() < need_bytes:
            self._forget_old(kept=1)
        free_bytes = self._free_bytes()
        if free_bytes < need_bytes:
            raise Refusal(
                f"A copy of the database needs {need_bytes // 1024**2} MB there, and {free_bytes // 1024**2} "
                "MB are free. Make room, or make the volume (and STORAGE_QUOTA) larger.",
                exit_code=74,
            )

    def _free_bytes(self) -> int:
        room = read(self._settings.run_dir / ROOM_FILE, Room)
        return room.free_bytes if room else shutil.disk_usage(self._settings.workspace).free

    def _forget_old(self, kept: int = KEPT_BASES) -> None:
        """All but so many bases, and the log before the oldest that is left."""
        bases = self._home.whole_bases()
        for old in (*bases[:-kept], *self._home.bases.glob(".*")):
            shutil.rmtree(old, ignore_errors=True)
        if self._home.outrun.exists() or not bases:
            return  # the newest base needs what came before the gap
        oldest = base.describe(self._home.whole_bases()[0])
        first = log_names.segment_at(log_names.position(oldest.start_lsn))
        folder = Backups(self._settings.workspace).wal
        for number, path in sorted(log_names.segments_in(self._home.wal, oldest.timeline).items()):
            if number < first:
                archive.keep(path, folder)
                path.unlink(missing_ok=True)

    def _watch(self) -> None:
        """Look every two seconds over one connection, which is made anew when Postgres was."""
        import psycopg  # late: only this mode needs it, and it costs a fifth of a second

        while not self._stopping.is_set():
            try:
                with psycopg.connect(
                    host=str(self._cluster.socket_dir),
                    user=SUPERUSER,
                    dbname=SUPERUSER,
                    application_name="studio-boot",
                    autocommit=True,
                ) as connection:
                    while not self._stopping.wait(LOOK_S):
                        self._look(connection)
            except (psycopg.Error, OSError, Refusal) as exc:
                self._judge(self._written, None)
                log.debug("the standby could not be looked at: %s", exc, action="standby_unseen")
                self._stopping.wait(LOOK_S)

    def _look(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        """Asks nothing of the volume, which may hang: then this is what tells it."""
        row = connection.execute(_STATE, (STANDBY, STANDBY, STANDBY)).fetchone()
        if row is None:
            return
        written, flushed, slot, is_synchronous = row
        self._judge(log_names.position(str(written)), log_names.position(str(flushed)) if flushed else None)
        self._seen = _Seen(str(flushed) if flushed else None, str(slot), bool(is_synchronous))
        if self._settings.storage_stall == "available" and self._is_stalled is bool(is_synchronous):
            self._is_asynchronous = True  # told before it is so, and until it is so no more
            self._cluster.set_standby("" if self._is_stalled else STANDBY)
            self._is_asynchronous = self._is_stalled

    def _keep(self) -> None:
        """What is to be done on the volume, in a thread of its own: there it may take as long as it likes."""
        while not self._stopping.wait(LOOK_S):
            try:
                self._tend()
            except (OSError, Refusal) as exc:
                log.debug("the volume could not be tended: %s", exc, action="standby_untended")

    def _tend(self) -> None:
        if not self._lease.renew():
            self._on_usurped("Another Studio has taken this volume, so this one ends; its commits are there.")
            self._stopping.set()
            return
        seen = self._seen
        if seen.flushed and seen.is_synchronous and seen.flushed != self._noted:
            self._home.acknowledge(seen.flushed, datetime.now(UTC).isoformat(timespec="seconds"))
            self._noted = seen.flushed
        if seen.slot == "lost":
            if self._is_slot_lost():  # still: what was seen may be of before
                self._start_over()
        elif seen.flushed and self._is_base_due(log_names.position(seen.flushed)):
            self._begin_base()

    def _is_slot_lost(self) -> bool:
        asked = f"SELECT wal_status FROM pg_replication_slots WHERE slot_name = '{STANDBY}'"  # noqa: S608  our own
        return self._cluster.run_sql(asked) == "lost"

    def _begin_base(self) -> None:
        """Beside the looks: the copy of a large database takes minutes."""
        if not self._base_maker.is_alive():
            self._base_maker = threading.Thread(target=self._try_base, daemon=True)
            self._base_maker.start()

    def _try_base(self) -> None:
        try:
            self.make_base()
            self._base_fault = ""
        except (Refusal, OSError) as exc:
            self._base_fault = exc.sentence if isinstance(exc, Refusal) else f"{exc.strerror or exc}."
            log.warning("no base backup could be made on the volume: %s", exc, action="base_failed")
            self._stopping.wait(BASE_PAUSE_S)

    def _judge(self, written: int, flushed: int | None) -> None:
        """Confirmed: what was written at the last look has been flushed by this one."""
        now = time.monotonic()
        if flushed is not None and flushed >= min(self._written, written):
            self._confirmed_s = now
        self._written = written
        is_stalled = now - self._confirmed_s > STALL_S
        if is_stalled != self._is_stalled:
            self._is_stalled = is_stalled
            tell = log.warning if is_stalled else log.info
            tell(
                "the volume %s what the database writes",
                "does not confirm" if is_stalled else "confirms again",
                action="volume_stalled" if is_stalled else "volume_confirms",
            )

    def _is_base_due(self, flushed: int) -> bool:
        newest = self._home.newest_base()
        if newest is None or self._home.outrun.exists():
            return True
        made = datetime.strptime(newest.name, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        age_s = (datetime.now(UTC) - made).total_seconds()
        log_bytes = flushed - log_names.position(base.describe(newest).start_lsn)
        # A quiet box needs no new one each day.
        return log_bytes > BASE_AFTER_BYTES or (
            age_s > BASE_AFTER_S and log_bytes > 4 * log_names.SEGMENT_BYTES
        )

    def _start_over(self) -> None:
        """The volume was away for so long that Postgres let go of the log it needs: begin with a new base."""
        log.warning("the log on the volume has a gap; a new base is made", action="standby_starts_over")
        self._is_starting_over = True
        if self._settings.storage_stall == "strict":
            # What is confirmed now has to be in the base that is not made yet.
            self._cluster.set_standby(NOBODY)
            while self._cluster.run_sql("SHOW synchronous_standby_names") != NOBODY:
                if self._stopping.wait(0.02):
                    return
        if self._home.outrun.exists():  # again, and still no base: what leads on from the old one stays
            self._home.put_beyond(self._home.wal.iterdir())
        else:
            self._home.wal.rename(self._home.outrun)
        self._home.make()  # from here on a base is due until there is one
        # Last: as long as the slot is lost, one who was broken off here begins again.
        self._cluster.run_sql(f"SELECT pg_drop_replication_slot('{STANDBY}')")
        self._cluster.run_sql("CHECKPOINT")  # a slot begins with the last one
        self._cluster.run_sql(f"SELECT pg_create_physical_replication_slot('{STANDBY}', true)")
