"""The figures of an operator: how fast a box is backed up and brought back, and how long a drill takes."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from scripts.benches.box import ROOT, Box
from scripts.benches.figures import Figure, figure
from scripts.benches.person import Person

FILES, FILE_BYTES = 64, 4 * 1024**2  # bytes by chance: nothing to compress, nothing twice


async def ops(box: Box, person: Person, rounds: int) -> list[Figure]:
    """Back up 256 MB of new files and the database each round, drill, and restore on an empty volume."""
    backup, restore, drill = [], [], []
    folder = open_folder(box)
    kit = folder / "kit.txt"
    studio(box, "backup", "kit", "--out", str(kit))
    try:
        for _ in range(rounds):
            for _ in range(FILES):
                await person.upload(os.urandom(FILE_BYTES))
            took_s, made = studio(box, "backup", "now", "--json")
            backup.append(mb(made["added_bytes"]) / took_s)
            took_s, proof = studio(box, "backup", "drill", "--json")
            if proof["outcome"] != "proved":
                raise SystemExit(f"the drill did not prove the backup: {proof['sentence']}")
            drill.append(took_s)
            empty = {"WORKSPACE_PATH": str(folder / "ws"), "STUDIO_RUN_DIR": str(folder / "run")}
            took_s, _ = studio(box, "restore", "--kit", str(kit), "--json", **empty)
            restore.append(mb(made["database_bytes"] + made["blobs_bytes"]) / took_s)
            shutil.rmtree(folder / "ws")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return [
        figure("backup of new bytes", "MB/s", backup, more_is_better=True),
        figure("restore on an empty volume", "MB/s", restore, more_is_better=True),
        figure("drill", "s", drill),
    ]


def studio(box: Box, *arguments: str, **settings: str) -> tuple[float, dict[str, Any]]:
    """Run `studio …` on this box: how long it took, and what it answered."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "appliance.cli", *arguments],
        env=box.environment | settings,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    took_s = time.perf_counter() - began
    if done.returncode not in {0, 1}:
        raise SystemExit(
            f"studio {' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}"
        )
    return took_s, json.loads(done.stdout) if done.stdout.startswith("{") else {}


def open_folder(box: Box) -> Path:
    """Beside the box's own; the user of Postgres has to reach what is restored there."""
    folder = Path(tempfile.mkdtemp(prefix="ops-", dir=box.workspace.parent))
    folder.chmod(0o755)
    return folder


def mb(size_bytes: int) -> float:
    return size_bytes / 1_000_000
