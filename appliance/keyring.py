"""What a person may know of the box's secrets: that they are there, where from, and which they are."""

import hashlib
import os
import sys
from datetime import UTC, datetime
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from app.kit.settings import KEY_NAMES, Settings

PURPOSES: Final = {
    "jwt_secret_key": "signs sign-ins; a new one ends all of them",
    "worker_shared_secret": "lets workers in; a new one has to reach every worker",
    "postgres_password": "opens the embedded database",
    "encryption_key": "opens every stored secret; without it they are lost",
}


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One secret. `print`: the same for the same secret, and of no use to find it."""

    name: str
    source: str | None  # None: it is not made yet
    made_at: datetime | None
    print: str | None
    purpose: str


def keys(settings: Settings) -> list[Key]:
    """All four, in the order of the settings."""
    return [_key(settings, name) for name in KEY_NAMES]


def show_keys(settings: Settings, as_json: bool) -> int:
    """Print them; 0 when all are there, 1 when the box has not made its own yet."""
    found = keys(settings)
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        table = Table("secret", "from", "since", "print", "what it is for", box=None, pad_edge=False)
        for key in found:
            since = key.made_at.strftime("%Y-%m-%d") if key.made_at else ""
            table.add_row(key.name, key.source or "not made yet", since, key.print or "", key.purpose)
        Console().print(table)
    return 0 if all(key.source for key in found) else 1


def _key(settings: Settings, name: str) -> Key:
    value: str | None = getattr(settings.keys, name)
    path = settings.keys_dir / name
    variable = name.upper()
    source, made_at = None, None
    if value is not None:
        if os.environ.get(variable):
            source = f"${variable}"
        elif os.environ.get(f"{variable}_FILE"):
            source = f"${variable}_FILE"
        else:
            source = f"keys/{name}"
            made_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    # Half of a digest under a name of its own: it tells two secrets apart and gives none away.
    shown = hashlib.sha256(f"studio key print {name} {value}".encode()).hexdigest()[:12] if value else None
    return Key(name=name, source=source, made_at=made_at, print=shown, purpose=PURPOSES[name])
