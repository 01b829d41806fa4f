"""What takes how much room on the volume, measured by walking its folders: seconds on a large one.

So the daemon does it every few minutes and notes it, and whoever looks reads the note.
"""

import asyncio
import os
from pathlib import Path
from typing import Final

from app.resources.infrastructure import noted
from app.resources.infrastructure.facts import Survey
from app.resources.periodic import Parts
from app.store.database import Scope

# Folders of the volume and what people call them. Blobs are counted by their rows, the database by itself.
FOLDERS: Final = {
    "models": "models",
    "backups": "backups",
    "tmp": "scratch",
    "redis": "redis",
    "logs": "logs",
    "plugins": "plugins",
}


async def measure(parts: Parts) -> int:
    """Walk the volume and note what was found."""
    workspace = parts.settings.workspace
    folders = await asyncio.to_thread(
        lambda: {kind: size_of(workspace / name) for name, kind in FOLDERS.items()}
    )
    async with parts.database.transaction(Scope.system()) as tx:
        row = await tx.fetch_one(
            "SELECT count(*) AS n, coalesce(sum(size_bytes), 0)::bigint AS size FROM blobs"
        )
        blobs, blobs_bytes = (row["n"], row["size"]) if row else (0, 0)
        await noted.note(tx, "storage", Survey(folders=folders, blobs=blobs, blobs_bytes=blobs_bytes))
    return 0


def size_of(folder: Path) -> int:
    """Bytes of every file below, as far as this user may look; what vanishes meanwhile counts nothing, nor
    does what lies behind a link, which is another disk's.
    """
    total, waiting = 0, [] if folder.is_symlink() else [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total
