"""A worker: one process that serves one lane, here or on another machine.

It registers with the shared secret, wakes by the bell, claims, works, reports and finishes over HTTP. Redis
or the API going away is waited out; only a wrong secret or unusable settings end it, because no waiting
helps: it exits with status 78 and a sentence, and whoever supervises it sees the crash loop.
"""

import asyncio
import os
import random
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from app.flow.messages import Failed, GivenBack, Gpu, Heartbeat, Job, Lane, LaneSlots, Outcome, Register
from app.kit.blobs import BlobFolder
from app.kit.log import get_logger
from app.kit.machine import process_table
from app.kit.outgoing import Outgoing
from app.kit.settings import Settings
from app.kit.version import studio_version
from app.kit.volume import Watch
from app.steps.discovery import step_types
from workers.attempt import Workshop, perform
from workers.bell import Bell
from workers.cards import Cards
from workers.children import ChildHost
from workers.gateway import Gateway
from workers.lane import Ending
from workers.lane import LaneSlots as Slots
from workers.memory import process_memory_bytes
from workers.refusals import ApiAway, Refused, WrongSecret
from workers.scratch import Scratch
from workers.standing import Unusable, box_id, mark_at_work, secret_of, slots_of

log = get_logger(__name__)

EXIT_UNUSABLE: Final = 78  # sysexits' EX_CONFIG: starting again changes nothing until somebody acts
REGISTER_PAUSE_S: Final = (0.2, 5.0)
GPU_SILENT_S: Final = 30.0  # a card that NVML tells nothing of for so long is gone
CARD_ANSWERS_S: Final = 2.0
STANDBY_S: Final = 2.0  # how often to look for work while Redis is away
LEAVE_LIMIT_S: Final = (
    2.0  # for the steps to end; then another second for the API, well below the 4 s of a stop
)
GOODBYE_LIMIT_S: Final = 1.0


class Worker:
    """The parts of one worker process and their life."""

    def __init__(self, lane: Lane, settings: Settings) -> None:
        self._lane = lane
        self._settings = settings
        self._cards = Cards() if lane is Lane.gpu else None
        self._gpus: list[Gpu] = self._cards.read() if self._cards is not None else []
        self._gpus_read_s = time.monotonic()
        self._cards_at_start = [card.index for card in self._gpus]
        self._gone_since_s: dict[int, float] = {}  # slots whose card no longer answers
        self._slots = slots_of(lane, settings, len(self._gpus))
        self._box_id = box_id(settings)
        self._children = [
            ChildHost(self._card_of(index), settings.model_idle_s)
            for index in range(self._slots if lane is Lane.gpu else 0)
        ]
        self._gateway = Gateway(
            settings.api_url, secret_of(settings), self._introduce, on_registered=self._on_registered
        )
        self._threads = ThreadPoolExecutor(max_workers=self._slots + 2, thread_name_prefix="step")
        self._outgoing = Outgoing(settings.outgoing_allow, own_ports=settings.own_ports)
        self._work = Slots(
            lane,
            self._slots,
            self._gateway,
            self._perform,
            on_free=self._on_free,
            never_idle=lane is Lane.gpu,
        )
        self._bell: Bell | None = None
        self._shop: Workshop | None = None
        self._scratch: Scratch | None = None
        self._stopping = asyncio.Event()
        self._has_worked = False

    def stop(self) -> None:
        """Leave in good order; called by the signal handlers."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve the lane until stopped. Raises Unusable."""
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            if not await self._register(stopping):
                return
            self._bell = Bell(
                self._settings.redis.url,
                self._lane,
                self._slots,
                answer=self._work.answer,
                on_cancel=lambda attempt_id: self._work.stop(attempt_id, Ending.cancelled),
                is_stale=self._work.is_stale,
                on_connected=self._on_connected,
            )
            log.info(
                "worker ready",
                action="worker_ready",
                lane=self._lane,
                slots=self._slots,
                gpus=len(self._gpus),
                shared_blobs=self._gateway.identity.shared_blobs,
            )
            services = [
                asyncio.create_task(self._bell.main()),
                asyncio.create_task(self._beat()),
                asyncio.create_task(self._stand_by()),
            ]
            if self._cards is not None and self._gpus:
                services.append(asyncio.create_task(self._watch_cards(self._cards)))
            try:
                await asyncio.wait([stopping, *services], return_when=asyncio.FIRST_COMPLETED)
                for service in services:
                    if service.done():
                        service.result()  # services never end by themselves; this raises what ended one
            finally:
                await self._leave(services)
        finally:
            stopping.cancel()
            await self._gateway.close()

    async def _register(self, stopping: asyncio.Future[Any]) -> bool:
        """Introduce ourselves, however long the API takes to come up; False when stopped meanwhile."""
        pause_s, longest_s = REGISTER_PAUSE_S
        told = False
        while not stopping.done():
            try:
                await self._gateway.register()
            except ApiAway as exc:
                if not told:
                    log.info(
                        "waiting for the API", action="await_api", url=self._settings.api_url, reason=str(exc)
                    )
                told = True
            except WrongSecret:
                raise Unusable(
                    "the API refuses this worker's WORKER_SHARED_SECRET; give it the value the box was "
                    "started with, or the content of keys/worker_shared_secret on the box's volume"
                ) from None
            except Refused as exc:
                raise Unusable(f"the API refuses this worker ({exc}); is it of the same version?") from None
            else:
                return True
            spread = random.uniform(0.8, 1.2)  # noqa: S311  spread, not secrecy
            await asyncio.wait([stopping], timeout=pause_s * spread)
            pause_s = min(pause_s * 2, longest_s)
        return False

    def _on_registered(self) -> None:
        """A new identity: what ran under an old one is lost."""
        identity = self._gateway.identity
        self._work.stop_all(Ending.lost)
        blobs, watch = None, Watch()
        if identity.shared_blobs:
            watch = Watch(self._settings.run_dir)
            blobs = BlobFolder(self._settings.blobs_dir, self._settings.tmp_dir)
        if self._scratch is None:
            self._scratch = Scratch(self._settings.tmp_dir / "workers")
        self._shop = Workshop(
            gateway=self._gateway,
            steps=step_types(),
            scratch=self._scratch.folder,
            blobs=blobs,
            watch=watch,
            outgoing=self._outgoing,
            threads=self._threads,
        )

    def _introduce(self) -> Register:
        return Register(
            name=self._settings.worker_name or f"{self._lane}@{socket.gethostname()}",
            host=socket.gethostname(),
            pid=os.getpid(),
            version=studio_version(),
            lanes=[LaneSlots(self._lane, self._slots)],
            gpus=self._gpus,
            box_id=self._box_id,
            process_table=process_table(),
            former=self._gateway.former,
        )

    async def _perform(self, job: Job, slot: int) -> Outcome:
        assert self._shop is not None  # noqa: S101  there is one since registration
        if not self._has_worked:
            self._has_worked = True
            mark_at_work(self._settings, self._lane)
        outcome = await perform(job, self._shop, self._children[slot] if self._children else None)
        if isinstance(outcome, Failed) and await self._has_lost_card(slot):
            return GivenBack()  # no fault of the step's
        return outcome

    def _card_of(self, slot: int) -> int | None:
        """The card that a slot's child sees; None: whatever there is, or none."""
        return self._cards_at_start[slot] if slot < len(self._cards_at_start) else None

    async def _has_lost_card(self, slot: int) -> bool:
        """Whether a step failed because its card is gone; nothing more is begun in its slot then."""
        card = self._card_of(slot)
        if self._cards is None or card is None:
            return False
        try:
            async with asyncio.timeout(CARD_ANSWERS_S):
                present = await asyncio.to_thread(self._cards.read)
        except TimeoutError:
            present = []  # NVML hangs with a card that fell off the bus
        if card in {one.index for one in present}:
            return False
        self._gpus = [one for one in self._gpus if one.index != card]
        log.error("a step failed with its card; it goes to another worker", action="gpu_lost", gpu=card)
        self._work.shut(slot)
        return True

    def _heed_cards(self) -> None:
        """Begin nothing on a card that no longer answers; after a while, end what runs on it, too."""
        now_s = time.monotonic()
        if now_s - self._gpus_read_s > GPU_SILENT_S:
            self._gpus = []  # NVML hangs with a card that fell off the bus; what it said is true no more
        present = {card.index for card in self._gpus}
        for slot in range(self._slots):
            card = self._card_of(slot)
            is_gone = not present if card is None else card not in present
            if not is_gone:
                self._gone_since_s.pop(slot, None)
                if self._work.open(slot):
                    log.info("a card answers again", action="gpu_back", gpu=card)
                    self._looking = asyncio.ensure_future(self._work.look())
                continue
            self._work.shut(slot)
            if now_s - self._gone_since_s.setdefault(slot, now_s) > GPU_SILENT_S:
                self._work.stop_slot(slot, Ending.leaving)

    def _on_free(self) -> None:
        if self._bell is not None:
            self._bell.ring_again()

    def _on_connected(self) -> None:
        """Redis is (back) there; bells rung while it was away are looked for without it."""
        self._looking = asyncio.ensure_future(self._work.look())

    async def _stand_by(self) -> None:
        """While Redis is away, ask the API for work now and then."""
        while True:
            await asyncio.sleep(STANDBY_S * random.uniform(0.8, 1.2))  # noqa: S311  spread, not secrecy
            if self._bell is not None and not self._bell.is_connected:
                self._looking = asyncio.ensure_future(self._work.look())

    async def _beat(self) -> None:
        """Renew every lease, tell how we are, and hear what to stop."""
        interval_s = self._gateway.identity.heartbeat_s
        is_away = False
        while True:
            await asyncio.sleep(interval_s)
            try:
                async with asyncio.timeout(interval_s):  # the next one is as good, and a lease lasts four
                    beat = await self._gateway.heartbeat(self._pulse())
            except (ApiAway, Refused, TimeoutError) as exc:
                if not is_away:
                    log.warning("heartbeat not delivered", action="beat_failed", error=repr(exc))
                is_away = True
                continue
            is_away = False
            for attempt_id in beat.cancelled:
                self._work.stop(attempt_id, Ending.cancelled)
            for attempt_id in beat.lost:
                self._work.stop(attempt_id, Ending.lost)

    async def _watch_cards(self, cards: Cards) -> None:
        """Keep the cards' facts fresh; apart from the heartbeat, because a lost card can hang NVML."""
        while True:
            await asyncio.sleep(self._gateway.identity.heartbeat_s)
            self._gpus = await asyncio.to_thread(cards.read)
            self._gpus_read_s = time.monotonic()

    def _pulse(self) -> Heartbeat:
        if self._cards_at_start:
            self._heed_cards()
        pids = [os.getpid(), *(child.pid for child in self._children if child.pid is not None)]
        return Heartbeat(
            leases=self._work.leases,
            gpus=self._gpus,
            memory_used_bytes=process_memory_bytes(pids),
            resident_models=sorted({model for child in self._children for model in child.models}),
        )

    async def _leave(self, services: list[asyncio.Task[None]]) -> None:
        """Stop taking, end the steps, give their leases back, end the children."""
        for service in services:
            service.cancel()
        await asyncio.wait(services, timeout=GOODBYE_LIMIT_S / 2)
        await self._work.leave(LEAVE_LIMIT_S)
        goodbyes = [self._gateway.leave(), self._outgoing.close(), *(one.close() for one in self._children)]
        if self._bell is not None:
            goodbyes.append(self._bell.close())
        ends = [asyncio.ensure_future(one) for one in goodbyes]
        _, late = await asyncio.wait(ends, timeout=GOODBYE_LIMIT_S)
        failures = [repr(one.exception()) for one in ends if one.done() and one.exception() is not None]
        if late or failures:
            # Nothing may keep a stopping worker; what it held goes on when the leases run out.
            log.warning("left without a goodbye", action="leave", errors=failures, late=len(late))
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._scratch is not None:
            self._scratch.close()
        log.info("worker stopped", action="worker_stopped", lane=self._lane)


async def serve(lane: Lane, settings: Settings) -> None:
    """Run a worker until SIGTERM or SIGINT. Raises Unusable."""
    worker = Worker(lane, settings)
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, worker.stop)
    await worker.run()
