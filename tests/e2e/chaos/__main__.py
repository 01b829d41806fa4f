"""The command line of `scripts/chaos`."""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path

from app.kit.log import configure
from app.kit.settings import LogSettings
from tests.e2e.chaos.run import chaos


def main() -> int:
    """Run for as long as told; 1 when the checker found a fault."""
    parser = argparse.ArgumentParser(
        prog="scripts/chaos", description="Kills a box while it works, again and again; checks its history."
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="how long to disturb it (5)")
    parser.add_argument("--seed", type=int, help="of the plan and the load; by chance when not given")
    parser.add_argument("--keep", action="store_true", help="leave the workspace and the logs behind")
    arguments = parser.parse_args()
    configure("chaos", LogSettings(level="ERROR"))  # that a database is away is no news here
    seed = random.SystemRandom().randrange(10_000) if arguments.seed is None else arguments.seed
    folder = Path(tempfile.mkdtemp(prefix="studio-chaos-"))
    folder.chmod(0o755)  # Postgres runs as a user of its own, who must be able to reach the workspace
    say(f"seed {seed}, in {folder}")
    try:
        report = asyncio.run(chaos(folder, seed=seed, seconds=arguments.minutes * 60, tell=say))
    finally:
        if not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)
    say(f"\n{report}")
    return 1 if report.faults else 0


def say(text: str) -> None:
    """A line for the person who watches."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
