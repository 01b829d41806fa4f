"""The recovery kit: what a backup does not hold, on one page, to be kept somewhere else.

A backup without its kit opens nothing, and a kit without its backup is a page of letters. `studio restore`
reads the text form; people copy it from paper, so it is short and a check tells a slip of the pen.
"""

import base64
import hashlib
import hmac
import html
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from app.kit.backups import Backups
from app.kit.clock import rfc3339
from app.kit.passport import read_passport
from app.kit.settings import Settings
from app.kit.version import studio_version

_TITLE = "STUDIO RECOVERY KIT"
_LINES = {
    "Box": "box_id",
    "Repository": "repository",
    "Password": "password",
    "Encryption key": "encryption_key",
}
ENDING = 8  # letters that are typed from paper: whoever has read them can read the rest
_APART = "Keep this page apart from the backups: together they are the whole box, apart they open nothing."
_WHOLE = "This page gets at the backups and opens them: whoever has it has the whole box. Lock it away."
_LACKS = "What the place of the backups asks for (keys, rclone.conf) is not on this page; keep that, too."
_HOW = "On an empty machine with Studio:  studio restore REPOSITORY --kit THIS-FILE"
# What gets at a repository elsewhere, beside variables: files of `backups/remote`, in base64.
KEY, HOSTS, CONFIG = "ssh_key", "known_hosts", "rclone.conf"
_FILES = (KEY, HOSTS, CONFIG)
_ACCESS = "Access "


class KitDamaged(ValueError):
    """This is no recovery kit, or it was not copied as it was printed."""


class KitUnlike(ValueError):
    """This is a recovery kit, and not the one of this box as it is today."""


class Kit(msgspec.Struct, frozen=True, kw_only=True):
    """What opens the backups of one box, and what they hold sealed."""

    box_id: str
    repository: str
    password: str  # of the repository
    encryption_key: str  # opens the other keys, which the backup holds sealed
    access: dict[str, str] = {}  # what gets at a repository elsewhere: variables, and files by their name

    def __repr__(self) -> str:
        return f"Kit({self.box_id}, ****)"

    def check(self) -> str:
        """Two groups of letters that change with any other letter."""
        access = [part for name in sorted(self.access) for part in (name, self.access[name])]
        digest = hashlib.sha256("\0".join([*self._values(), *access]).encode()).hexdigest()
        return f"{digest[:4]}-{digest[4:8]}"

    def text(self, made_at: datetime) -> str:
        """The page as a text file."""
        return "\n".join(
            [
                _TITLE,
                "",
                *self._advice(),
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
        advice = "".join(f"<p>{html.escape(line)}</p>" for line in self._advice())
        return (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Studio recovery kit</title>'
            "<style>body{font:16px/1.5 sans-serif;margin:3em auto;max-width:46em}"
            "th{text-align:left;vertical-align:top;padding:.4em 1.5em .4em 0;white-space:nowrap}"
            "td{font:18px/1.5 monospace;overflow-wrap:anywhere}</style>"
            f"<h1>Studio recovery kit</h1>{advice}<table>{rows}</table></html>\n"
        )

    def match(self, text: str) -> None:
        """Compare with a kit that somebody brings. Raises KitDamaged or KitUnlike, which names the line."""
        brought = read_kit(text)
        self._compare({name: getattr(brought, field) for name, field in _LINES.items()}, len)

    def match_endings(self, password: str, encryption_key: str) -> None:
        """The same by the last letters of the two secrets, typed from paper. Raises KitUnlike."""
        self._compare({"Password": password, "Encryption key": encryption_key}, lambda _: ENDING)

    def _compare(self, brought: Mapping[str, str], length: Callable[[str], int]) -> None:
        for name, value in brought.items():
            own = getattr(self, _LINES[name])
            if not hmac.compare_digest(own[-length(own) :].encode(), value.strip().encode()):
                raise KitUnlike(
                    f"The line “{name}” is not this box's. Compare it letter by letter; a kit from before a "
                    "change of keys or of the repository is of no use any more."
                )

    def _advice(self) -> tuple[str, str]:
        if self.repository.startswith("/"):
            return _APART, _HOW
        return _WHOLE if self.access else _LACKS, _HOW

    def _values(self) -> list[str]:
        return [getattr(self, field) for field in _LINES.values()]

    def _rows(self, made_at: datetime) -> list[tuple[str, str]]:
        return [
            *zip(_LINES, self._values(), strict=True),
            *((_ACCESS + name, _as_line(name, value)) for name, value in self.access.items()),
            ("Check", self.check()),
            ("Made", f"{rfc3339(made_at)} by Studio {studio_version()}"),
        ]


def kit_of(settings: Settings, box_id: str, access: Mapping[str, str] | None = None) -> Kit:
    """The kit of this box. Raises KeyError before its keys are made."""
    return Kit(
        box_id=box_id,
        repository=settings.backup_repository,
        password=settings.repository_password,
        encryption_key=settings.keys.require("encryption_key"),
        access=dict(access or {}),
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
    access = {
        name.removeprefix(_ACCESS): _from_line(name.removeprefix(_ACCESS), value)
        for name, value in found.items()
        if name.startswith(_ACCESS)
    }
    kit = Kit(**{field: found[name] for name, field in _LINES.items()}, access=access)
    if kit.check() != found["Check"].lower():
        raise KitDamaged(
            "The recovery kit was changed: its check does not fit. Compare it with the original."
        )
    return kit


def _as_line(name: str, value: str) -> str:
    return base64.b64encode(value.encode()).decode() if name in _FILES else value


def _from_line(name: str, value: str) -> str:
    """Raises KitDamaged for a file that is no base64 of a text any more."""
    try:
        return base64.b64decode(value, validate=True).decode() if name in _FILES else value
    except ValueError as exc:
        raise KitDamaged(f"The recovery kit was changed: its line “{_ACCESS}{name}” is damaged.") from exc


class KitState(msgspec.Struct, frozen=True, kw_only=True):
    """Whether somebody holds what opens the backups."""

    held_since: datetime | None  # when somebody showed it last; None: nobody has
    is_current: bool  # and it is the one that opens today's backups

    @property
    def is_wanted(self) -> bool:
        """Whether somebody has yet to show it."""
        return self.held_since is None or not self.is_current


def kit_state(settings: Settings) -> KitState | None:
    """None where no volume with its keys is at hand."""
    box = read_passport(settings.workspace)
    if box is None or settings.keys.encryption_key is None:
        return None
    held = Backups(settings.workspace).kit_held()
    is_current = held is not None and held.check == kit_of(settings, box.box_id).check()
    return KitState(held_since=held.since if held else None, is_current=is_current)
