"""What a measurement is, and how a set of them is shown."""

import json
import math
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `bearing` is the map's budget for p50 in the same unit, if it names one."""

    name: str
    unit: str
    p50: float
    p95: float
    samples: int
    bearing: float | None = None
    bearing_p95: float | None = None
    more_is_better: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.bearing is None:
            return ""
        holds = self.p50 >= self.bearing if self.more_is_better else self.p50 <= self.bearing
        if self.bearing_p95 is not None:
            holds = holds and self.p95 <= self.bearing_p95
        return "within" if holds else "MISSES"


def figure(
    name: str,
    unit: str,
    samples: Sequence[float],
    bearing: float | None = None,
    bearing_p95: float | None = None,
    *,
    more_is_better: bool = False,
    note: str = "",
) -> Figure:
    """A figure of these samples; for a rate the p95 is its bad end, the value that 95 % reach."""
    ordered = sorted(samples, reverse=more_is_better)
    return Figure(
        name,
        unit,
        quantile(ordered, 0.50),
        quantile(ordered, 0.95),
        len(ordered),
        bearing,
        bearing_p95,
        more_is_better,
        note,
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value that this share of the samples does not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def machine() -> str:
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory_gib = psutil.virtual_memory().total / 1024**3
    return f"{os.cpu_count()} × {model}, {memory_gib:.0f} GiB, Linux {platform.release()}"


def commit() -> str:
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


def table(figures: Sequence[Figure]) -> str:
    """The figures for a person."""
    head = ("what", "p50", "p95", "bearing", "", "n", "")
    rows = [head]
    for one in figures:
        bearing = "" if one.bearing is None else f"{'≥' if one.more_is_better else '≤'} {one.bearing:g}"
        if one.bearing_p95 is not None:
            bearing += f" / {one.bearing_p95:g}"
        p50, p95 = f"{one.p50:.4g} {one.unit}", f"{one.p95:.4g} {one.unit}"
        rows.append((one.name, p50, p95, bearing, one.verdict, str(one.samples), one.note))
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    lines.insert(1, "─" * max(map(len, lines)))
    return "\n".join(lines)


def write_json(figures: Sequence[Figure], target: Path) -> None:
    """The figures for a program, with what they were measured on."""
    content = {
        "machine": machine(),
        "commit": commit(),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_before": os.getloadavg()[0],
        "figures": [asdict(one) | {"verdict": one.verdict} for one in figures],
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
