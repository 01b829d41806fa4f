"""A database that outlives its disk: Postgres on this machine, its log and its base backups on the volume.

For volumes that cannot hold a cluster (RunPod's network volumes refuse chown and ignore chmod).
`pg_receivewal` writes the log to the volume and is the synchronous standby, so a commit returns when the
volume has it. Each boot on an empty disk puts the newest base backup and the log after it together again.

On the volume, in `hydrate/<major>/`: `wal/`, `bases/<time>/`, and small files: `life`, who rebuilt last;
`acknowledged.json`, how far commits were confirmed. Beside them at times `wal-before-the-gap/`, until there
is a base after the gap, and `wal-beyond/`, what the last rebuilding could not follow.

Here: where these lie, and the small files that keep two lives of a database apart.
"""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec

from app.kit.settings import Settings
from app.kit.volume import VOLUME_FILE, Mode, Volume, read
from appliance.files import sync_folder, write_atomically
from appliance.refusal import Refusal
from appliance.storage import make_folder
from appliance.users import myself

_WHOLE = re.compile(r"[0-9A-F]{24}")


class Acknowledged(msgspec.Struct, frozen=True):
    """How far the volume has confirmed commits; what is rebuilt has to reach it."""

    lsn: str
    at: str


def is_hydrating(settings: Settings) -> bool:
    """Whether the boot has chosen this mode."""
    found = read(settings.run_dir / VOLUME_FILE, Volume)
    return found is not None and found.mode is Mode.hydrate


def data_root(settings: Settings) -> Path:
    """The folder of the clusters, one a major version."""
    return (settings.storage_local if is_hydrating(settings) else settings.workspace) / "postgres"


class Home:
    """`hydrate/<major>/` on the volume."""

    def __init__(self, settings: Settings, major: int) -> None:
        self.root = settings.workspace / "hydrate" / str(major)
        self.wal = self.root / "wal"
        self.bases = self.root / "bases"
        self.outrun = self.root / "wal-before-the-gap"  # what the receiver could not go on with
        self.beyond = self.root / "wal-beyond"  # where the database did not get to
        self._life = self.root / "life"
        self._acknowledged = self.root / "acknowledged.json"

    def make(self) -> None:
        """The folders. Everything here is written by whoever boots."""
        self.root.parent.mkdir(exist_ok=True)
        for folder in (self.root, self.wal, self.bases):
            make_folder(folder, myself(), 0o700)

    def newest_base(self) -> Path | None:
        """The last base backup that is whole; names are times, and one being made has a dot in front."""
        return max(self.whole_bases(), default=None)

    def whole_bases(self) -> list[Path]:
        """All of them, the oldest first."""
        if not self.bases.is_dir():
            return []
        return sorted(path for path in self.bases.iterdir() if not path.name.startswith("."))

    def whole_segments(self) -> list[Path]:
        """What was received and is no longer written to, in order."""
        if not self.wal.is_dir():
            return []
        return sorted(path for path in self.wal.iterdir() if _WHOLE.fullmatch(path.name))

    def put_beyond(self, paths: Iterable[Path]) -> None:
        """Move these out of the log, in the place of what was moved there before."""
        shutil.rmtree(self.beyond, ignore_errors=True)
        make_folder(self.beyond, myself(), 0o700)
        for path in list(paths):
            path.rename(self.beyond / path.name)
        sync_folder(self.root)

    def life(self) -> str | None:
        """Who began to write here last; a local cluster of another life is out of date."""
        return _text(self._life)

    def begin_life(self, life: str) -> None:
        """From now on every other copy is out of date."""
        write_atomically(self._life, life.encode())

    def acknowledged(self) -> Acknowledged | None:
        """The last note. Raises Refusal when it cannot be read: then nobody knows what was promised."""
        try:
            return msgspec.json.decode(self._acknowledged.read_bytes(), type=Acknowledged)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as exc:
            raise Refusal(
                f"{self._acknowledged} cannot be read ({exc}), so nobody knows what was confirmed. Put it "
                "back from a copy of the volume, or remove it to start with what the log holds."
            ) from exc

    def acknowledge(self, lsn: str, at: str) -> None:
        """Note how far it is now."""
        write_atomically(self._acknowledged, msgspec.json.encode(Acknowledged(lsn, at)))


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
