"""How a cluster keeps its log and gets it back: two command lines for Postgres, both of `segments.py`.

Postgres hands over every full segment, and after a minute one that is not; they lie in `backups/wal`.
"""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from app.kit.backups import Backups
from app.kit.settings import Settings

_CODE = Path(__file__).with_name("segments.py")
_PROGRAM = (sys.executable, "-I", "-S", str(_CODE))


def options(settings: Settings) -> dict[str, str]:
    """What makes a cluster keep its log."""
    folder = Backups(settings.workspace).wal
    command = f"{_in_shell([*_PROGRAM, 'keep'])} %p {_in_shell([str(folder)])}"
    return {
        "archive_mode": "on",
        "archive_command": quoted(command),
        "archive_timeout": "60s",  # a quiet box's last change is kept no later than that
    }


def restore_command(folder: Path) -> str:
    """How a recovering cluster gets its segments out of a folder."""
    return f"{_in_shell([*_PROGRAM, 'bring'])} %f %p {_in_shell([str(folder)])}"


def programs() -> tuple[Path, ...]:
    """The folders that the user of Postgres has to reach for it."""
    return Path(sys.executable).parent, Path(sys.executable).resolve().parent, _CODE.parent


def quoted(text: str) -> str:
    """A value in postgresql.conf."""
    return "'" + text.replace("'", "''") + "'"


def _in_shell(words: Sequence[str]) -> str:
    """For the shell, and for Postgres, which takes % for itself."""
    return shlex.join(words).replace("%", "%%")
