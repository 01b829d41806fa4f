"""How many steps each lane runs at once, where somebody chose it while the box ran.

It lies on the volume (`workers.json`), so that the next boot keeps it; STUDIO_CPU_SLOTS and STUDIO_GPU_SLOTS
in the environment win, as they do over everything.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

FILE: Final = "workers.json"
VARIABLES: Final = {"cpu": "STUDIO_CPU_SLOTS", "gpu": "STUDIO_GPU_SLOTS"}
MOST: Final = {"cpu": 1024, "gpu": 64}  # as the settings bound them


def chosen(workspace: Path) -> dict[str, int]:
    """Each lane for which somebody chose a number of steps at once; an unreadable file chose none."""
    try:
        found = msgspec.json.decode((workspace / FILE).read_bytes(), type=dict[str, int])
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return {}
    return {lane: slots for lane, slots in found.items() if 1 <= slots <= MOST.get(lane, 0)}


def variables(workspace: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The same as settings for a worker, where the environment does not say it."""
    return {
        VARIABLES[lane]: str(slots)
        for lane, slots in chosen(workspace).items()
        if not environment.get(VARIABLES[lane])
    }
