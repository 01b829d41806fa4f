"""Starts the programs of a running box anew when their Python code changes; scripts/dev runs it.

It looks at the times of a few hundred files twice a second, which no one notices and which works on
every file system. Postgres and Redis are left alone.
"""

import sys
import time
from pathlib import Path

from app.kit.settings import load_settings
from appliance.supervisor import Supervisor

ROOT = Path(__file__).resolve().parent.parent
WATCHED = ("app", "workers", "appliance")
LOOK_EVERY_S = 0.5
GROUP = "app"
PROGRAMS = ("api", "daemon", "worker-cpu", "worker-gpu")


def stamps() -> dict[Path, int]:
    """Every watched file with the time of its last change."""
    found: dict[Path, int] = {}
    for top in WATCHED:
        for path in (ROOT / top).rglob("*.py"):
            if "ui" not in path.relative_to(ROOT).parts[:2]:
                found[path] = path.stat().st_mtime_ns
    return found


def restart(supervisor: Supervisor) -> None:
    """Stops and starts those programs that run; the API last and first, for the others say goodbye to it."""
    alive = {one.name for one in supervisor.states() if one.pid}
    running = [name for name in PROGRAMS if name in alive]
    for name in reversed(running):
        supervisor.stop(f"{GROUP}:{name}")
    for name in running:
        supervisor.start(f"{GROUP}:{name}")


def main() -> None:
    supervisor = Supervisor(load_settings().run_dir / "supervisor.sock", timeout_s=15)
    before = stamps()
    while True:
        time.sleep(LOOK_EVERY_S)
        now = stamps()
        if now == before:
            continue
        changed = sorted(str(path.relative_to(ROOT)) for path, _ in set(now.items()) ^ set(before.items()))
        before = now
        print(
            f"studio: {', '.join(dict.fromkeys(changed))} changed; starting the programs anew",
            file=sys.stderr,
        )
        try:
            restart(supervisor)
        except OSError as failure:
            print(f"studio: the box does not answer yet ({failure})", file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
