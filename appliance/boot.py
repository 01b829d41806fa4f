"""`studio boot`: from settings to a box that is ready, then guard and goodbye.

Boot stays the parent of supervisord for as long as the box lives: it holds the volume's lock, writes
everybody's lines, takes the signals, and owns the exit code (supervisord's own is 0 whatever happened).

settings → volume → keys → database → redis → schema → programs → ready
"""

import errno
import http.client
import os
import socket
import sys

import msgspec

from app.kit.log import configure, get_logger
from app.kit.passport import Passport
from app.kit.redaction import keep_secret
from app.kit.ring import Ring
from app.kit.settings import STANDARD_OUTPUT, LogSettings, Settings, SettingsFaults, load_settings
from app.kit.version import studio_version
from app.kit.voice import Voice, emit
from app.kit.volume import VOLUME_FILE, Mode, Volume, write
from appliance import external, keys, passport, probing, schema, sentinel, storage, upgrade
from appliance.backup.remote import Remote
from appliance.chorus import Chorus
from appliance.crew import Crew
from appliance.files import FolderLock
from appliance.handover import Claim
from appliance.hydrate.standby import Standby
from appliance.keeper import Keeper
from appliance.limits import raise_open_files, refuse_few_tasks
from appliance.major import Move, forget_former
from appliance.postgres import Cluster
from appliance.programs import BY_NAME, PROGRAMS, is_wanted
from appliance.progress import Progress, State
from appliance.redis import Server
from appliance.refusal import Refusal
from appliance.reserve import Reserve
from appliance.stopping import Stopped, StopRequest
from appliance.upgrade import Upgrade, UpgradeFailed
from appliance.users import service_account

log = get_logger(__name__)

READY_PATIENCE_S = 120.0


class Boot:
    """One life of a box."""

    def __init__(self, settings: Settings, chorus: Chorus, database_patience_s: float) -> None:
        self._settings = settings
        self._database_patience_s = database_patience_s
        self._chorus = chorus
        self._progress = Progress(studio_version())
        self._request = StopRequest()
        self._crew = Crew(settings, chorus, self._request)
        self._locks: list[FolderLock] = []
        self._cluster: Cluster | None = None  # the embedded one, once it is open
        self._mode = Mode.local  # until the volume has been looked at
        self._passport: Passport | None = None
        self._has_volume = False  # Postgres or Redis is here, so no other box may be
        self._keeper: Keeper | None = None
        self._standby: Standby | None = None  # in hydrate mode

    def run(self) -> int:
        """Live and give the exit code."""
        self._request.listen()
        state: State = "stopped"
        sentence, code = None, 0
        failed: UpgradeFailed | None = None
        try:
            self._request.interrupts = True
            try:
                self._begin()
            finally:
                self._request.interrupts = False
            self._crew.wait_for_the_end()
        except Stopped:
            pass
        except Refusal as exc:
            state, sentence, code = (
                ("refused" if exc.exit_code == 78 else "failed"),
                exc.sentence,
                exc.exit_code,
            )
            failed = exc if isinstance(exc, UpgradeFailed) else None
        except OSError as exc:
            state, sentence, code = "failed", in_words(exc), 71  # EX_OSERR
        finally:
            self._end()
        if failed is not None:
            sentence = upgrade.after(self._settings, failed)
        if sentence:
            log.error(sentence, action="box_ended", code=code)
        self._progress.become(state, sentence)
        return code

    def _begin(self) -> None:
        raise_open_files()
        refuse_few_tasks()
        with self._progress.phase("settings", "Settings") as phase:
            phase.detail = self._settings.env
            for remark in self._settings.remarks:
                log.warning(remark.sentence(), action="setting_remark", setting=remark.name)
        with self._progress.phase("volume", "Volume") as phase:
            phase.detail = self._open_volume()
        with self._progress.phase("port", "Port") as phase:
            phase.detail = self._check_port()
        self._crew.start_supervisord()  # needs a third of a second, while the cluster is made or checked
        with self._progress.phase("keys", "Keys") as phase:
            phase.detail = self._ensure_keys()
        with self._progress.phase("redis", "Redis") as phase:
            phase.detail = self._open_redis()
        with self._progress.phase("database", "Database") as phase:
            phase.detail = self._open_database()
        claim = None
        taking = Upgrade(self._settings, self._cluster, self._known_passport())
        if self._settings.roles & {"api", "daemon"}:
            with self._progress.phase("schema", "Schema") as phase:
                phase.detail, claim = self._prepare_schema(taking)
        taking.settle()
        with self._progress.phase("programs", "Programs") as phase:
            phase.detail = self._start_programs()
        if not taking.needs_canary:
            taking.well()
        elif "api" in self._settings.roles:
            with self._progress.phase("canary", "Canary") as phase:
                phase.detail = taking.try_out()
        self._announce(claim)

    def _prepare_schema(self, taking: Upgrade) -> tuple[str, Claim]:
        try:
            return schema.prepare(self._settings, self._cluster, taking.prepare)
        except UpgradeFailed:
            raise
        except Refusal as exc:
            raise taking.failed(exc) from exc

    def _known_passport(self) -> Passport:
        if self._passport is None:
            raise RuntimeError("the passport is stamped with the keys")
        return self._passport

    def _check_port(self) -> str:
        """A taken port is told now rather than by an API that cannot start."""
        settings = self._settings
        if "api" not in settings.roles:
            return "none needed"
        try:
            address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
            with socket.socket(address[0], address[1]) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address[4])
        except OSError as exc:
            raise Refusal(
                f"Port {settings.port} on {settings.host} cannot be used ({exc.strerror or exc}). "
                "Stop the program that holds it, or set PORT (and HOST) to another."
            ) from exc
        return f"{settings.port} on {settings.host} is free"

    def _open_volume(self) -> str:
        settings = self._settings
        sentinel.expect(settings)
        storage.make_workspace(settings)
        if os.statvfs(settings.workspace).f_bavail == 0:
            Reserve(settings).give_back()  # a full disk must not keep people from making room
        # A box whose database and Redis are elsewhere keeps nothing here that two could not share.
        self._has_volume = any(is_wanted(BY_NAME[name], settings) for name in ("postgres", "redis"))
        if self._has_volume:
            self._lock(FolderLock(settings.workspace))
        found = probing.probe(settings)
        self._passport = passport.read(settings)
        upgrade.refuse_again(self._passport)
        self._mode = probing.choose(found, settings, self._passport.storage if self._passport else None)
        sentinel.compare(settings, self._passport, self._mode)
        probing.judge(found, settings, self._mode)
        storage.make_folders(settings)
        storage.make_run_dir(settings)
        self._lock(FolderLock(settings.run_dir))
        self._keep_lines()
        self._crew.await_former()
        (settings.run_dir / "reason").unlink(missing_ok=True)
        self._progress.publish(settings)
        promise = probing.promise_of(self._mode, settings)
        write(settings.run_dir / VOLUME_FILE, Volume(mode=self._mode, promise=promise, probe=found))
        return f"{found.sentence()}; {self._mode}: {promise}"

    def _keep_lines(self) -> None:
        """Let the voice keep what it says on the volume, unless another box on it does."""
        settings = self._settings
        ring = None
        if settings.log_keep_bytes:
            lock = FolderLock(settings.logs_dir)
            try:
                self._lock(lock)
                reader = service_account(settings).uid if os.geteuid() == 0 else None
                ring = Ring(settings.logs_dir, settings.log_keep_bytes, reader)
            except Refusal:
                log.info("another box keeps its lines on this volume; these are not kept", action="no_ring")
        self._chorus.keep(ring)

    def _lock(self, lock: FolderLock) -> None:
        lock.take()
        self._locks.append(lock)

    def _ensure_keys(self) -> str:
        missing = keys.missing(self._settings)
        if "worker_shared_secret" in missing and "api" not in self._settings.roles:
            raise Refusal(
                "WORKER_SHARED_SECRET is not set, and the API that knows it runs elsewhere. "
                "Set it to the value of the API's box (its keys/worker_shared_secret)."
            )
        self._settings = keys.ensure(self._settings)
        keep_secret(*self._settings.secrets, *Remote(self._settings).secrets())
        self._crew.settings = self._settings
        self._passport, warning = passport.stamp(self._settings, self._passport, self._mode)
        if warning:
            log.warning(warning, action="newer_volume")
        sentinel.remember(self._settings, self._passport)
        self._keeper = Keeper(
            self._settings,
            self._passport.box_id,
            holds_reserve=self._has_volume,
            trouble=lambda: self._standby.trouble() if self._standby else None,
            risk=lambda: self._standby.risk() if self._standby else "",
            on_back=self._crew.renew_redis,
        )
        self._keeper.start()
        return f"made {', '.join(missing)}" if missing else "all there"

    def _open_database(self) -> str:
        settings = self._settings
        if not is_wanted(BY_NAME["postgres"], settings):
            if settings.roles & {"api", "daemon"} and not settings.database.embedded:
                return external.check_database(
                    settings, lambda text: log.warning(text, action="db_waiting"), self._database_patience_s
                )
            return "not run here"
        self._cluster = cluster = Cluster(settings)
        found = None
        move = Move.due(settings, cluster) if self._mode is Mode.local else None
        if move is not None:
            move.begin()
        if self._mode is Mode.hydrate:
            self._standby = Standby(settings, cluster, on_usurped=self._crew.end)
            found = self._standby.bring_back()
        is_new = cluster.prepare()
        self._crew.start("postgres")
        self._crew.wait_until(cluster.ready, "Postgres")
        if self._standby is not None:
            self._standby.open()
            self._crew.start("receiver")
        cluster.ensure_roles()
        if self._standby is not None:
            self._standby.settle()
        if move is not None:
            found = move.finish()
        elif self._mode is Mode.local:
            forget_former(settings, cluster)
        if self._passport is not None:
            self._passport = passport.note_cluster(settings, self._passport, cluster.major)
        return f"Postgres {cluster.major}, {found or ('new cluster' if is_new else 'there')}"

    def _open_redis(self) -> str:
        settings = self._settings
        if not is_wanted(BY_NAME["redis"], settings):
            warning = None if settings.redis.embedded else external.check_redis(settings)
            if warning:
                log.warning(warning, action="redis_unreachable")
            return "not run here"
        server = Server(settings)
        server.prepare()
        self._crew.start("redis")
        return "on its socket"  # who needs it waits for it; the database is opened meanwhile

    def _start_programs(self) -> str:
        settings = self._settings
        if settings.tunnel_token and not is_wanted(BY_NAME["tunnel"], settings):
            log.warning(
                "CLOUDFLARE_TUNNEL_TOKEN is set, but cloudflared is not installed here; no tunnel is made"
            )
        names = [program.name for program in PROGRAMS if program.group and is_wanted(program, settings)]
        if "api" in names:
            # First and alone: on two CPUs the others' imports would cost it a second, and they need it.
            self._crew.start("api")
            self._crew.wait_until(lambda: is_ready(settings), "the API", READY_PATIENCE_S)
        others = [name for name in names if name != "api"]
        for name in others:
            self._crew.start(name)
        if "api" not in names:
            if is_wanted(BY_NAME["redis"], settings):
                self._crew.wait_until(Server(settings).ready, "Redis")
            # What the box was asked to be. Backups are a matter of hours, and come by themselves.
            watched = [name for name in names if BY_NAME[name].role]
            self._crew.wait_until(lambda: self._crew.are_running(watched), "every program", READY_PATIENCE_S)
        return ", ".join(names) or "none of the app"

    def _announce(self, claim: Claim | None) -> None:
        address = public_address(self._settings)
        self._progress.report.address = address
        self._progress.become("ready")
        took_s = self._progress.report.ready_s
        self._tell(f"Studio is ready at {address} ({took_s:.1f} s)", action="box_ready")
        if claim is not None and claim.setup_token:
            link = f"{address}/setup?token={claim.setup_token}"
            self._tell(f"Claim this box: open {link} (works once)", action="box_unclaimed")

    def _tell(self, sentence: str, action: str) -> None:
        """Say it at any LOG_LEVEL: without the address and the link nobody could use the box."""
        emit(Voice("studio-boot", as_records(self._settings.log)).line("INFO", sentence, {"action": action}))

    def _end(self) -> None:
        self._progress.become("stopping")
        if self._keeper is not None:
            self._keeper.stop()
        if self._standby is not None:
            self._standby.stop()
        self._crew.stop()
        if self._standby is not None:
            self._standby.release()


def in_words(exc: OSError) -> str:
    """What the system refused, and what to look at."""
    if exc.errno == errno.EAGAIN:
        return (
            "The box cannot go on: no more processes or threads may be started here. Raise the limit where "
            "it is started (docker run --pids-limit)."
        )
    where = f" ({exc.filename})" if exc.filename else ""
    return f"The box cannot go on: {exc.strerror or exc}{where}. Check space and rights there."


def as_records(settings: LogSettings) -> LogSettings:
    """How programs inside a box speak: in records, which its one voice shows as the settings say."""
    return msgspec.structs.replace(settings, format="json")


def is_ready(settings: Settings) -> bool:
    """Whether GET /readyz answers 200."""
    host = settings.local_url.removeprefix("http://").rsplit(":", 1)[0]
    connection = http.client.HTTPConnection(host.strip("[]"), settings.port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def public_address(settings: Settings) -> str:
    """Where a person opens this box."""
    if settings.public_urls:
        return settings.public_urls[0]
    pod = settings.runpod_pod
    return f"https://{pod}-{settings.port}.proxy.runpod.net" if pod else settings.local_url


def main(database_patience_s: float = external.PATIENCE_S) -> int:
    """Read the settings, take over standard output, and live. A database elsewhere has so long to answer."""
    try:
        settings = load_settings()
    except SettingsFaults as exc:
        is_json = os.environ.get("LOG_FORMAT", "").strip().lower() == "json"
        colors = os.isatty(STANDARD_OUTPUT)
        configure("studio-boot", LogSettings(format="json" if is_json else "pretty", colors=colors))
        for fault in exc.faults:
            log.error(fault.sentence(), action="setting_fault", setting=fault.name)
        count = len(exc.faults)
        needs = "one setting needs" if count == 1 else f"{count} settings need"
        log.error("Studio does not start: %s attention", needs, action="box_ended")
        return 78
    keep_secret(*settings.secrets)
    chorus = Chorus(settings.log)
    chorus.start("studio-boot")
    configure("studio-boot", as_records(settings.log))
    try:
        return Boot(settings, chorus, database_patience_s).run()
    finally:
        chorus.close()


if __name__ == "__main__":
    sys.exit(main())
