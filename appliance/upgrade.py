"""A new version on an old volume: look before, keep a way back, and believe in it only when it has worked.

look → space, server, nobody connected → backup → migrations → programs → canary → healthy

Nothing here runs at an ordinary boot but one comparison in memory. Whatever goes wrong, the sentence says how
to go back, and `studio.json` keeps which versions the volume has seen.
"""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import find_spec

import msgspec

from app.kit.log import get_logger
from app.kit.passport import Passport, Seen
from app.kit.settings import Settings
from app.kit.version import studio_version
from appliance import handover, passport
from appliance.backup.make import SPARE_BYTES, make
from appliance.backup.restore import bring_back_database
from appliance.doctor.checks import gpu
from appliance.doctor.finding import Patient, Verdict
from appliance.handover import Canary, Look
from appliance.postgres import DATABASE, Cluster
from appliance.refusal import Refusal

log = get_logger(__name__)

OLDEST_MAJOR = 15  # the oldest Postgres that this version's migrations are tried on


class UpgradeFailed(Refusal):
    """This version could not take the volume over. `backup` is the way back where the schema has changed."""

    def __init__(self, reason: str, way_back: str, backup: str | None) -> None:
        self.reason = reason
        self.backup = backup
        super().__init__(f"{reason} {way_back}", exit_code=70)


class Upgrade:
    """One boot's part in it. `box` is the passport as it stands on the volume."""

    def __init__(self, settings: Settings, cluster: Cluster | None, box: Passport) -> None:
        self._settings = settings
        self._cluster = cluster
        self._look: Look | None = None
        self._seen = next(iter(box.seen), None)
        self.box = box

    @property
    def needs_canary(self) -> bool:
        """Whether this version took the volume over from another and has not been tried since."""
        seen = self._seen
        return seen is not None and seen.former is not None and seen.healthy_at is None

    def prepare(self) -> None:
        """Before the migrations, when there may be some. Raises Refusal: nothing has changed."""
        self._look = found = handover.look(self._settings)
        if not found.is_known:
            raise newer_schema(self.box, found)
        if found.current is None or not found.pending or not self._settings.create_tables:
            return
        log.info(
            "this version brings the database from %s to %s",
            found.current,
            found.head,
            action="upgrade_begins",
            migrations=len(found.pending),
            former=self.box.version,
        )
        self._seen = Seen(
            version=studio_version(),
            schema=found.head,
            since=datetime.now(UTC),
            former=self.box.version,
            former_schema=found.current,
        )
        try:
            self._check_before()
            self._seen = msgspec.structs.replace(self._seen, backup=self._back_up())
        except Refusal as exc:
            raise UpgradeFailed(exc.sentence, _untouched(self._seen), None) from exc
        self.box = passport.note_seen(self._settings, self.box, self._seen)

    def settle(self) -> None:
        """The schema is this version's, so the volume is."""
        version, seen = studio_version(), self._seen
        if seen is None or seen.version != version:
            head = self._look.head if self._look else (seen.schema if seen else None)
            is_other = version != self.box.version
            seen = Seen(
                version=version,
                schema=head,
                since=datetime.now(UTC),
                former=self.box.version if is_other else None,
                former_schema=head if is_other else None,
            )
        self._seen = seen
        self.box = passport.take_over(self._settings, self.box, seen)

    def failed(self, cause: Refusal) -> Refusal:
        """What a failure of the migrations or of the canary comes to, noted; with the way back."""
        seen, reason = self._seen, cause.sentence
        if seen is None or not self.needs_canary:
            return cause
        is_untouched = seen.former_schema == seen.schema or self._schema() == seen.former_schema
        way_back = _untouched(seen) if is_untouched else seen.way_back()
        self._note(failure=reason)
        return UpgradeFailed(reason, way_back, None if is_untouched else seen.backup)

    def try_out(self) -> str:
        """Sign in and run something; a word for the log. Raises Refusal when it does not work."""
        found = handover.canary(self._settings)
        if found.failure is None and found.gpu.startswith("ran"):
            found = compute(self._settings, found)
        if found.failure is not None:
            raise self.failed(Refusal(f"The box is up and does not work: {found.failure}", exit_code=70))
        said = f"signed in; cpu: {found.cpu}; gpu: {found.gpu}"
        self._note(canary=said)
        if found.is_whole:
            self.well()
        return said

    def well(self) -> None:
        """This version is healthy on this volume."""
        if self._seen is not None and self._seen.healthy_at is None:
            self._note(healthy_at=datetime.now(UTC), failure=None)

    def _note(self, **changes: object) -> None:
        if self._seen is not None:
            self._seen = msgspec.structs.replace(self._seen, **changes)
            self.box = passport.note_seen(self._settings, self.box, self._seen)

    def _schema(self) -> str | None:
        try:
            return handover.look(self._settings).current
        except Refusal:
            return None

    def _check_before(self) -> None:
        cluster = self._cluster
        if cluster is None:
            return  # the database is elsewhere: its server was looked at, its space and clients are its own
        if cluster.major < OLDEST_MAJOR:
            raise Refusal(f"The database is Postgres {cluster.major}; Studio needs {OLDEST_MAJOR} or newer.")
        refuse_others(cluster)
        refuse_without_space(self._settings, cluster)

    def _back_up(self) -> str | None:
        if not self._settings.backup_before_upgrade:
            log.warning("BACKUP_BEFORE_UPGRADE is off: no backup is made", action="upgrade_without_backup")
            return None
        try:
            made = make(self._settings)
        except Refusal as exc:
            raise Refusal(
                f"No backup could be made before the upgrade: {exc.sentence} "
                "(BACKUP_BEFORE_UPGRADE=false goes on without one.)",
                exit_code=exc.exit_code,
            ) from exc
        log.info("backup %s holds the box as it was", made.id, action="upgrade_backup", backup=made.id)
        return made.id


def refuse_again(box: Passport | None) -> None:
    """Raises Refusal when this version failed on this volume and everything was brought back."""
    seen = next(iter(box.seen), None) if box else None
    if seen is not None and seen.is_undone and seen.version == studio_version():
        raise Refusal(
            f"Studio {seen.version} failed on this volume, and it was brought back: {seen.failure or ''} "
            f"Start {seen.before}, or say `studio upgrade retry` to let this version try again."
        )


def retry(settings: Settings) -> bool:
    """Let this version try again after everything was brought back; whether there was something to forget."""
    box = passport.read(settings)
    seen = next(iter(box.seen), None) if box else None
    if box is None or seen is None or not seen.is_undone:
        return False
    passport.note_seen(settings, box, msgspec.structs.replace(seen, is_undone=False))
    return True


def believe(settings: Settings) -> Seen:
    """Somebody says that this version works, where the canary could not try all of it. Raises Refusal."""
    box = passport.read(settings)
    seen = next(iter(box.seen), None) if box else None
    if box is None or seen is None or seen.is_undone:
        raise Refusal("No version is to be believed in here. See `studio upgrade status`.")
    if seen.healthy_at is None:
        seen = msgspec.structs.replace(seen, healthy_at=datetime.now(UTC), failure=None)
        passport.note_seen(settings, box, seen)
    return seen


def undo(settings: Settings, phase: Callable[[str], None] = lambda _: None) -> tuple[Seen, str]:
    """Bring the database back to before the last take-over; gives that and where today's lies.

    The box must not run, and whoever calls holds its lock. Raises Refusal: then all is as it was.
    """
    box = passport.read(settings)
    if box is None:
        raise Refusal(f"There is no box at {settings.workspace}.")
    seen = next((one for one in box.seen if not one.is_undone), None)
    if seen is None or seen.former is None:
        raise Refusal("No upgrade of this volume has a backup to go back to. See `studio upgrade status`.")
    if seen.backup is None:  # that of an earlier upgrade would take back what has been believed since
        raise Refusal(f"The last upgrade of this volume has no backup to go back to. {seen.way_back()}")
    aside = bring_back_database(settings, box, seen.backup, phase)
    former = [one for one in box.seen if one.since < seen.since]
    undone = msgspec.structs.replace(seen, is_undone=True)
    passport.replace(
        settings,
        msgspec.structs.replace(box, version=seen.former or box.version, seen=[undone, *former]),
    )
    return undone, str(aside)


def after(settings: Settings, failed: UpgradeFailed) -> str:
    """The last sentence of a box that failed to take over, once everything is stopped."""
    if not settings.auto_restore_on_failed_upgrade or failed.backup is None:
        return failed.sentence
    try:
        seen, aside = undo(settings)
    except Refusal as exc:
        return f"{failed.sentence} It could not be brought back by itself: {exc.sentence}"
    return (
        f"{failed.reason} The database was brought back to backup {failed.backup}: start {seen.before}. "
        f"What this version made of it lies in {aside}."
    )


def newer_schema(box: Passport, found: Look) -> Refusal:
    """This code is older than the schema."""
    return Refusal(
        f"The database is at schema {found.current}, which Studio {studio_version()} does not know: the "
        f"volume was last used by Studio {box.version}. Start version {box.version} (image tag "
        f"{box.version}) or newer; nothing was changed."
    )


def refuse_others(cluster: Cluster) -> None:
    """Raises Refusal while somebody is connected to the database."""
    others = cluster.run_sql(
        f"""
        SELECT DISTINCT coalesce(nullif(application_name, ''), usename) FROM pg_stat_activity
         WHERE datname = '{DATABASE}' AND backend_type = 'client backend' AND pid <> pg_backend_pid()
         ORDER BY 1
        """  # noqa: S608  our own name
    ).splitlines()
    if others:
        raise Refusal(
            f"The database is used by {', '.join(others)}, and migrations wait for nobody. Close it first.",
            exit_code=75,
        )


def refuse_without_space(settings: Settings, cluster: Cluster) -> None:
    """Raises Refusal unless a table may be written anew beside the old one; a backup asks for its own."""
    size_bytes = int(cluster.run_sql(f"SELECT pg_database_size('{DATABASE}')"))
    free_bytes = shutil.disk_usage(settings.workspace).free
    if free_bytes < size_bytes + SPARE_BYTES:
        raise Refusal(
            f"The volume has {free_bytes // 1024**2} MB free; an upgrade of this database may take "
            f"{size_bytes // 1024**2} MB, and {SPARE_BYTES // 1024**2} MB are kept free. Make room.",
            exit_code=74,
        )


def compute(settings: Settings, found: Canary) -> Canary:
    """The lane ran; whether its card computes as well, where there is a torch to ask."""
    if find_spec("torch") is None:
        return found
    finding = gpu.look(Patient(settings=settings, is_up=True))
    if finding.verdict is Verdict.ill:
        return msgspec.structs.replace(found, failure=finding.sentence)
    is_whole = found.is_whole and finding.verdict is not Verdict.unknown
    return msgspec.structs.replace(found, gpu=f"{found.gpu}, {finding.sentence}", is_whole=is_whole)


def _untouched(seen: Seen) -> str:
    return (
        f"The database is as it was: start {seen.before}, or remove the reason and start this version again."
    )
