"""When the programs of this box have ended by themselves: the boot writes it down, the daemon watches it.

`<run_dir>/endings.json`: by program, the last twenty moments. It lives as long as the box.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

NAME: Final = "endings.json"
MOST: Final = 20  # the watchdog ends the box before there are more


def write_endings(run_dir: Path, endings: Mapping[str, Sequence[datetime]]) -> None:
    """Replace what was written; a reader sees the old or the new. Raises OSError."""
    draft = run_dir / f".{NAME}"
    draft.write_bytes(msgspec.json.encode({program: list(one)[-MOST:] for program, one in endings.items()}))
    draft.chmod(0o644)
    draft.replace(run_dir / NAME)


def read_endings(run_dir: Path) -> dict[str, list[datetime]]:
    """By program, oldest first; nothing where no program has ended, or none of this machine is known."""
    try:
        return msgspec.json.decode((run_dir / NAME).read_bytes(), type=dict[str, list[datetime]])
    except (OSError, msgspec.DecodeError):
        return {}
