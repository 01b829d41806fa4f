"""`python -m app.daemon`: the one process that watches the clock; a second one stands by.

Survives restarts of Postgres and Redis: it waits, is elected again and goes on. Ends within a moment of
SIGTERM; whatever it was doing rolls back and is found again by the next one.
"""

import asyncio
import contextlib
import signal
import sys

import uvloop

from app.daemon.clockwork import Clockwork
from app.daemon.election import Lost, Office
from app.engine.callbacks import Callbacks
from app.engine.engine import Engine
from app.kit import traces
from app.kit.blobs import BlobFolder
from app.kit.garbage import spare_what_stands
from app.kit.log import configure, get_logger
from app.kit.redaction import keep_secret
from app.kit.settings import Settings, SettingsFaults, load_settings
from app.kit.tally import Tally
from app.kit.volume import Watch
from app.resources.assets.service import StepFiles
from app.resources.periodic import Parts, all_jobs
from app.steps.discovery import catalog, step_types
from app.store.bus import Bus
from app.store.counts import hand_in_last
from app.store.database import Database
from app.store.queue import Bells

log = get_logger(__name__)

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0


async def serve(settings: Settings) -> None:
    """Be the daemon whenever this process is elected, until cancelled."""
    database = Database.open(settings, "studio-daemon", pool_size=8)
    bus = Bus.open(settings.redis.url)
    blobs = BlobFolder(settings.blobs_dir, settings.tmp_dir)
    tally = Tally()
    watch = Watch(settings.run_dir)
    engine = Engine(
        database,
        catalog(),
        Bells(bus.redis),
        bus,
        steps=step_types(),
        assets=StepFiles(blobs),
        callbacks=Callbacks.of(settings),
        tally=tally,
        watch=watch,
    )
    parts = Parts(
        settings=settings,
        database=database,
        engine=engine,
        blobs=blobs,
        bus=bus,
        tally=tally,
        watch=watch,
    )
    clockwork = Clockwork(parts, all_jobs())
    spare_what_stands()
    try:
        await _hold_office(settings, clockwork)
    finally:
        await database.end_aftermath()
        await hand_in_last(bus.redis, tally)
        await bus.close()
        await database.close()


async def _hold_office(settings: Settings, clockwork: Clockwork) -> None:
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            office = await Office.win(settings)
        except Lost as exc:
            log.warning("the database is away; trying again", action="daemon_waits", error=str(exc).strip())
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            continue
        pause_s = FIRST_PAUSE_S
        log.info("daemon at work", action="daemon_elected")
        try:
            await clockwork.turn(office)
        except* Lost as group:
            log.warning("the daemon lost its office", action="daemon_lost", error=str(group.exceptions[0]))
        finally:
            with contextlib.suppress(*Lost):
                await office.leave()


async def _run(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    work = asyncio.create_task(serve(settings))
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work
    log.info("daemon stopped", action="daemon_stopped")


def main() -> int:
    """Serve until told to stop; 1 with every fault when the settings cannot be used."""
    try:
        settings = load_settings()
    except SettingsFaults as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    keep_secret(*settings.secrets)
    configure("studio-daemon", settings.log)
    traces.configure("studio-daemon", settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings))
    traces.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
