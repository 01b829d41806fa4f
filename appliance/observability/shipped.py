"""The shipped rules and dashboards as files, and where people get them.

`rules.yml` goes into `rule_files` of Prometheus, `dashboards/*.json` into Grafana (Dashboards → Import). Both
name only what `/metrics` shows; a test holds them to that. `studio observability FOLDER` writes them out.
"""

from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent


def files() -> list[Path]:
    """Every shipped file."""
    return [HERE / "rules.yml", *sorted((HERE / "dashboards").glob("*.json"))]


def write_into(folder: Path) -> list[Path]:
    """Copy all of them; where each is. Raises OSError."""
    written = []
    for source in files():
        target = folder / source.relative_to(HERE)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        written.append(target)
    return written
