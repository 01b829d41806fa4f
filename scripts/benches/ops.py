"""The figures of an operator: backup, restore and drill; what a commit costs, and a boot, by storage mode."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from app.kit.settings import load_settings
from scripts.benches.box import ROOT, Box
from scripts.benches.figures import Figure, figure
from scripts.benches.person import Person

COMMITS = 1000
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
        *modes(rounds),
    ]


def modes(rounds: int) -> list[Figure]:
    """Boot where Postgres lives on the volume, and where the volume has its log alone; there commit as well.

    The same session writes with and without waiting for the volume, so nothing else differs.
    """
    boots: dict[str, list[float]] = {}
    waited: dict[str, list[float]] = {"on": [], "local": []}
    for mode in ("local", "hydrate"):
        box = Box(STORAGE_MODE=mode)
        try:
            box.start()
            for _ in range(rounds):
                if mode == "hydrate":
                    for how in waited:
                        waited[how] += commit(box, how)
                box.stop()
                boots.setdefault(mode, []).append(box.start())
                if mode == "hydrate":
                    box.stop()
                    shutil.rmtree(box.local_disk)
                    boots.setdefault("rebuilt", []).append(box.start())
        finally:
            box.close()
    return [
        figure("boot, Postgres on the volume", "s", boots["local"]),
        figure("boot, Postgres on a local disk that was kept", "s", boots["hydrate"]),
        figure("boot, Postgres rebuilt from the volume", "s", boots["rebuilt"]),
        figure("commit that the volume confirms", "ms", waited["on"]),
        figure("commit on the local disk alone", "ms", waited["local"]),
    ]


def commit(box: Box, how: str) -> list[float]:
    """Milliseconds of single-row commits, one after another, with this `synchronous_commit`."""
    url = load_settings(box.environment).database.owner_url
    took_ms = []
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bench_commits (filling text)")
        connection.execute("SELECT set_config('synchronous_commit', %s, false)", [how])
        for _ in range(COMMITS):
            began = time.perf_counter()
            connection.execute("INSERT INTO bench_commits VALUES (repeat('x', 500))")
            took_ms.append(1000 * (time.perf_counter() - began))
        connection.execute("DROP TABLE bench_commits")
    return took_ms


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
