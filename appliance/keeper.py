"""Keeps an eye on the volume for as long as the box lives, and says how much it still takes.

Files, instances and results stop before the disk is full, so that Postgres and Redis never meet the end
of it; should somebody else fill the disk, a reserve file is given back to them. All starts again by itself.

Looking happens in a thread of its own: on a network volume that hangs, a look may never come back, and that
is told as well.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from app.kit.log import get_logger
from app.kit.settings import Settings
from app.kit.volume import ROOM_FILE, Bounds, Reason, Room, RoomState, write
from appliance import passport
from appliance.files import is_read_only
from appliance.refusal import Refusal
from appliance.reserve import Reserve
from appliance.usage import Usage

log = get_logger(__name__)

LOOK_S = 2.0
SILENCE_S = 15.0  # a look that takes longer: the volume hangs
COUNT_CHANGES_S = 20.0
COUNT_ALL_S = 300.0  # and so seldom that counting takes no more than half a percent of a processor
COARSE_BYTES = 16 * 1024**2  # changes smaller than this are not worth writing down


class Looked(msgspec.Struct, frozen=True):
    """One look at the volume."""

    free_bytes: int = 0
    total_bytes: int = 0
    reserve_bytes: int = 0
    reason: Reason | None = None  # why it cannot be written at all


Trouble = Callable[[], str | None]  # a sentence while the database is not confirmed by the volume


class Keeper:
    """Looks, judges, writes the room file; `hold` says whether this box keeps the reserve."""

    def __init__(
        self,
        settings: Settings,
        box_id: str,
        *,
        holds_reserve: bool,
        trouble: Trouble = lambda: None,
        risk: Callable[[], str] = lambda: "",
        on_back: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_back` is called when a volume that was read-only or gone takes things again."""
        self._settings = settings
        self._box_id = box_id
        self._trouble = trouble
        self._risk = risk
        self._on_back = on_back
        self._reserve = Reserve(settings) if holds_reserve else None
        self._stopping = threading.Event()
        self._looked_s = time.monotonic()
        self._looked = self._look()
        self._used_bytes: int | None = None
        self._room = Room()
        self._is_gone = False  # read-only or vanished, and not back yet
        self.judge()
        self.tend()

    def start(self) -> None:
        """Begin; each thread waits for its time nearly always."""
        for work in (self._look_again, self.judge, self.tend):
            threading.Thread(target=self._repeat, args=(work, LOOK_S), daemon=True).start()
        if self._settings.storage_quota_bytes is not None:
            threading.Thread(target=self._count, daemon=True).start()

    def stop(self) -> None:
        """No more looks; a thread that hangs on the volume is left to its fate."""
        self._stopping.set()

    def judge(self) -> None:
        """From the last look to the room file, written when it says something new. Asks no volume."""
        room = self._judged()
        if room.state is not self._room.state or room.reason is not self._room.reason:
            _tell(room)
        is_news = msgspec.structs.replace(room, free_bytes=0, used_bytes=0) != msgspec.structs.replace(
            self._room, free_bytes=0, used_bytes=0
        )
        if is_news or abs(room.free_bytes - self._room.free_bytes) >= COARSE_BYTES:
            self._room = room
            write(self._settings.run_dir / ROOM_FILE, room)
        if room.reason in (Reason.read_only, Reason.vanished):
            self._is_gone = True
        elif self._is_gone and room.reason is not Reason.stalled:
            self._on_back()  # what raises is tried again with the next look
            self._is_gone = False

    def tend(self) -> None:
        """Make the reserve or give it back, as the last look wants it; making one may take long."""
        looked = self._looked
        if self._reserve is None or looked.reason is not None or self._is_silent() or self._trouble():
            return
        free, total, _ = self._measured(looked)
        bounds, state = self._bounded(free, total)
        self._reserve.follow(bounds, free, state)

    def _is_silent(self) -> bool:
        return time.monotonic() - self._looked_s > SILENCE_S

    def _measured(self, looked: Looked) -> tuple[int, int, int]:
        """What is free, all there is, and what is taken, of the quota if there is one."""
        quota = self._settings.storage_quota_bytes
        free, total, used = looked.free_bytes, looked.total_bytes, looked.total_bytes - looked.free_bytes
        if quota is not None and self._used_bytes is not None:
            used, total = self._used_bytes, quota
            free = min(free, max(0, quota - used))
        elif quota is not None:
            total, free = quota, min(free, quota)  # nothing is counted yet
            used = total - free
        return free, total, used

    def _bounded(self, free: int, total: int) -> tuple[Bounds, RoomState]:
        bounds = Bounds.of(total, self._settings.storage_reserve_bytes)
        before = self._room.state if self._room.reason is Reason.full else RoomState.open
        return bounds, bounds.state(free, before)

    def _judged(self) -> Room:
        looked = self._looked
        free, total, used = self._measured(looked)
        room = Room(
            free_bytes=free,
            total_bytes=total,
            used_bytes=used,
            quota_bytes=self._settings.storage_quota_bytes,
            reserve_bytes=looked.reserve_bytes,
            risk=self._risk(),
        )
        if self._is_silent():
            return _closed(room, RoomState.shut, Reason.stalled, SILENT)
        if looked.reason is not None:
            return _closed(room, RoomState.shut, looked.reason, SENTENCES[looked.reason])
        if trouble := self._trouble():
            return _closed(room, RoomState.shut, Reason.stalled, (trouble, SILENT[1]))
        _, state = self._bounded(free, total)
        return room if state is RoomState.open else _closed(room, state, Reason.full, SENTENCES[Reason.full])

    def _look_again(self) -> None:
        self._looked = self._look()
        self._looked_s = time.monotonic()

    def _look(self) -> Looked:
        workspace = self._settings.workspace
        try:
            here = passport.read(self._settings)
            found = os.statvfs(workspace)
        except (OSError, Refusal):
            return Looked(reason=Reason.vanished)
        if here is None or here.box_id != self._box_id:
            return Looked(reason=Reason.vanished)
        free = found.f_bavail * found.f_frsize
        return Looked(
            free_bytes=free,
            # Not the whole disk: what the file system keeps for root is free for nobody here.
            total_bytes=(found.f_blocks - found.f_bfree) * found.f_frsize + free,
            reserve_bytes=self._reserve.size_bytes if self._reserve else 0,
            reason=Reason.read_only if is_read_only(workspace) else None,
        )

    def _count(self) -> None:
        """Count what lies on the volume, now and then."""
        usage = Usage(self._settings.workspace)
        while not self._stopping.is_set():
            began = time.monotonic()
            self._used_bytes = usage.count_all()
            took_s = time.monotonic() - began
            again_s = began + max(COUNT_ALL_S, 200 * took_s)
            while time.monotonic() < again_s and not self._stopping.wait(COUNT_CHANGES_S):
                self._used_bytes = usage.count_changes()

    def _repeat(self, work: Callable[[], None], every_s: float) -> None:
        while not self._stopping.wait(every_s):
            try:
                work()
            except OSError as exc:
                log.warning("the volume could not be watched: %s", exc, action="volume_unwatched")


Words = tuple[str, str]  # a sentence and a remedy

SENTENCES: dict[Reason, Words] = {
    Reason.full: (
        "The volume is nearly full, so nothing new is taken in; what is there stays.",
        "Delete what is no longer needed, or make the volume (and STORAGE_QUOTA) larger; then it goes on.",
    ),
    Reason.read_only: (
        "The volume has become read-only, so nothing can be kept.",
        "Look at the disk and the kernel's log, and mount it writable again; then Studio goes on.",
    ),
    Reason.vanished: (
        "The volume is not there any more, so nothing can be kept.",
        "Mount it again; then Studio goes on.",
    ),
}
SILENT: Words = (
    "The volume does not answer, so nothing new is taken in.",
    "Look at the network and the storage behind it; then Studio goes on.",
)


def _closed(room: Room, state: RoomState, reason: Reason, words: Words) -> Room:
    return msgspec.structs.replace(room, state=state, reason=reason, sentence=words[0], remedy=words[1])


def _tell(room: Room) -> None:
    if room.state is RoomState.open:
        log.info("the volume takes new things", action="intake_open", free_bytes=room.free_bytes)
    else:
        log.warning(
            "%s %s",
            room.sentence,
            room.remedy,
            action="intake_closed",
            state=room.state,
            free_bytes=room.free_bytes,
        )


def path_of(settings: Settings) -> Path:
    """Where the room file lies."""
    return settings.run_dir / ROOM_FILE
