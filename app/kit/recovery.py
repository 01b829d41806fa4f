"""The recovery kit: what a backup does not hold, on one page, to be kept somewhere else.

A backup without its kit opens nothing, and a kit without its backup is a page of letters. `studio restore`
reads the text form; people copy it from paper, so it is short and a check tells a slip of the pen.
"""

import hashlib
import html
from datetime import datetime

import msgspec

from app.kit.clock import rfc3339
from app.kit.settings import Settings
from app.kit.version import studio_version

_TITLE = "STUDIO RECOVERY KIT"
_LINES = {
    "Box": "box_id",
    "Repository": "repository",
    "Password": "password",
    "Encryption key": "encryption_key",
}
_ADVICE = (
    "Keep this page apart from the backups: together they are the whole box, apart they open nothing.",
    "On an empty machine with Studio:  studio restore REPOSITORY --kit THIS-FILE",
)


class KitDamaged(ValueError):
    """This is no recovery kit, or it was not copied as it was printed."""


class Kit(msgspec.Struct, frozen=True, kw_only=True):
    """What opens the backups of one box, and what they hold sealed."""

    box_id: str
    repository: str
    password: str  # of the repository
    encryption_key: str  # opens the other keys, which the backup holds sealed

    def __repr__(self) -> str:
        return f"Kit({self.box_id}, ****)"

    def check(self) -> str:
        """Two groups of letters that change with any other letter."""
        digest = hashlib.sha256("\0".join(self._values()).encode()).hexdigest()
        return f"{digest[:4]}-{digest[4:8]}"

    def text(self, made_at: datetime) -> str:
        """The page as a text file."""
        return "\n".join(
            [
                _TITLE,
                "",
                *_ADVICE,
                "",
                *(f"{name + ':':16} {value}" for name, value in self._rows(made_at)),
                "",
            ]
        )

    def page(self, made_at: datetime) -> str:
        """The page for printing: HTML that needs nothing from anywhere."""
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
            for name, value in self._rows(made_at)
        )
        advice = "".join(f"<p>{html.escape(line)}</p>" for line in _ADVICE)
        return (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Studio recovery kit</title>'
            "<style>body{font:16px/1.5 sans-serif;margin:3em auto;max-width:46em}"
            "th{text-align:left;vertical-align:top;padding:.4em 1.5em .4em 0;white-space:nowrap}"
            "td{font:18px/1.5 monospace;overflow-wrap:anywhere}</style>"
            f"<h1>Studio recovery kit</h1>{advice}<table>{rows}</table></html>\n"
        )

    def _values(self) -> list[str]:
        return [getattr(self, field) for field in _LINES.values()]

    def _rows(self, made_at: datetime) -> list[tuple[str, str]]:
        return [
            *zip(_LINES, self._values(), strict=True),
            ("Check", self.check()),
            ("Made", f"{rfc3339(made_at)} by Studio {studio_version()}"),
        ]


def kit_of(settings: Settings, box_id: str) -> Kit:
    """The kit of this box. Raises KeyError before its keys are made."""
    return Kit(
        box_id=box_id,
        repository=settings.backup_repository,
        password=settings.repository_password,
        encryption_key=settings.keys.require("encryption_key"),
    )


def read_kit(text: str) -> Kit:
    """A kit from its text. Raises KitDamaged with what is wrong about it."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.strip().partition(":")
        if colon and value.strip():
            found.setdefault(name.strip(), value.strip())
    missing = [name for name in (*_LINES, "Check") if name not in found]
    if missing:
        raise KitDamaged(f"This is no whole recovery kit: the line “{missing[0]}” is missing.")
    kit = Kit(**{field: found[name] for name, field in _LINES.items()})
    if kit.check() != found["Check"].lower():
        raise KitDamaged(
            "The recovery kit was changed: its check does not fit. Compare it with the original."
        )
    return kit
