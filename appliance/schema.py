"""The schema and the first things of the embedded database, and how to know that both are in place already.

Asking `app.migrations` and `app.admin` takes two Python processes with all their imports, 1.5 s of a later
boot's four. So what they found is kept beside the cluster, with a fingerprint of the code that found it;
while code and database are still the same, they are not asked again.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from app.kit.settings import Settings
from appliance.crew import CODE
from appliance.files import write_atomically
from appliance.handover import Claim, migrate, seed
from appliance.postgres import DATABASE, Cluster


class InPlace(msgspec.Struct, frozen=True):
    """What the last full look found. Kept only for a claimed box: an unclaimed one gets a new token."""

    code: str
    head: str


def prepare(
    settings: Settings, cluster: Cluster | None, before: Callable[[], None] = lambda: None
) -> tuple[str, Claim]:
    """Migrate and seed unless both are known to be done; gives a word for the log, and the claim.

    `before` is called where there may be something to migrate.
    """
    if cluster is None:
        before()
        migrate(settings)
        return "up to date", seed(settings)
    code, path = code_fingerprint(), cluster.note
    if _read(path) == InPlace(code, head_of(cluster) or ""):
        return "unchanged", Claim(claimed=True)
    before()
    migrate(settings)
    claim = seed(settings)
    head = head_of(cluster)
    if claim.claimed and head:
        write_atomically(path, msgspec.json.encode(InPlace(code, head)))
    else:
        path.unlink(missing_ok=True)
    return "up to date", claim


def head_of(cluster: Cluster) -> str | None:
    """The revision the database itself says it is at."""
    question = "SELECT version_num FROM alembic_version"
    return (
        cluster.run_sql(
            f"SELECT '{question}' WHERE to_regclass('alembic_version') IS NOT NULL \\gexec", DATABASE
        )
        or None
    )


def code_fingerprint(code: Path = CODE / "app") -> str:
    """Changes whenever a Python file of the app does, by name, size and time; reading all takes longer."""
    digest = hashlib.sha256()
    for folder, below, names in os.walk(code):
        below[:] = sorted(name for name in below if name not in ("ui", "__pycache__"))
        for name in sorted(names):
            if name.endswith(".py"):
                path = Path(folder, name)
                found = path.stat()
                digest.update(f"{path.relative_to(code)} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _read(path: Path) -> InPlace | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=InPlace)
    except (OSError, msgspec.DecodeError):
        return None
