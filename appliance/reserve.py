"""A file that holds some of the volume's room, given back to Postgres and Redis when there is no other."""

import contextlib
import errno
import os

from app.kit.backups import Backups
from app.kit.log import get_logger
from app.kit.settings import Settings
from app.kit.volume import Bounds, RoomState

log = get_logger(__name__)

FULL = (errno.ENOSPC, errno.EDQUOT)
PIECE_BYTES = 1024**2


class Reserve:
    """`backups/reserve` on the volume: in `tmp/`, where it once was, a step could put a link in its place."""

    def __init__(self, settings: Settings) -> None:
        self._path = Backups(settings.workspace).folder / "reserve"
        with contextlib.suppress(OSError):
            (settings.tmp_dir / "reserve").unlink(missing_ok=True)

    @property
    def size_bytes(self) -> int:
        """How much it holds now."""
        try:
            return self._path.lstat().st_size
        except OSError:
            return 0

    def follow(self, bounds: Bounds, free_bytes: int, state: RoomState) -> None:
        """Make it while there is plenty, give it back when there is next to nothing."""
        held = self.size_bytes
        if state is RoomState.shut and held and free_bytes < bounds.shut_bytes // 2:
            self.give_back()
            return
        # Only what leaves the volume open: else it would be made and given back in turns.
        has_plenty = free_bytes - bounds.reserve_bytes > bounds.closed_bytes * 5 // 4
        if state is RoomState.open and held < bounds.reserve_bytes and has_plenty:
            self._make(bounds.reserve_bytes)

    def give_back(self) -> None:
        """Remove it; harmless when there is none."""
        if size_bytes := self.size_bytes:
            self._path.unlink(missing_ok=True)
            log.warning(
                "the reserve of the volume is given back", action="reserve_given_back", bytes=size_bytes
            )

    def _make(self, size_bytes: int) -> None:
        """Real blocks: a hole would hold nothing."""
        draft = self._path.with_name(".reserve")
        draft.unlink(missing_ok=True)
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            try:
                os.posix_fallocate(file, 0, size_bytes)
            except OSError as exc:
                if exc.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                    raise
                for _ in range(size_bytes // PIECE_BYTES):
                    os.write(file, bytes(PIECE_BYTES))
            draft.replace(self._path)
        except OSError as exc:
            draft.unlink(missing_ok=True)
            if exc.errno not in FULL:
                raise
        finally:
            os.close(file)
