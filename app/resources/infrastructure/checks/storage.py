"""There is room on the volume for what steps make."""

from typing import Final

from app.flow.wording import size
from app.kit.volume import RoomState
from app.resources.infrastructure import facts
from app.resources.infrastructure.looking import Box, Check, Finding, degraded, healthy, unhealthy

LOW_BYTES: Final = 2 * 1024**3  # a film or two; below this, steps begin to fail
LOW_FRACTION: Final = 0.1
LAST_BYTES: Final = 256 * 1024**2  # below this Postgres itself is near its end


async def look(box: Box) -> Finding:
    """Judge what is free, and name what takes the most."""
    found = await box.see(facts.storage_facts)
    detail = f"{size(found.free_bytes)} of {size(found.total_bytes)} free."
    about = {"free_bytes": found.free_bytes, "total_bytes": found.total_bytes}
    if found.state is not RoomState.open:
        return unhealthy(f"{detail} {found.sentence}", found.remedy, **about)
    if found.risk:
        return degraded(found.risk, "Look at the network and the storage behind the volume.", **about)
    largest = max(found.kinds, key=lambda kind: found.kinds[kind])
    remedy = f"Make room (the most, {size(found.kinds[largest])}, is {largest}), or enlarge the volume."
    if found.free_bytes < LAST_BYTES:
        return unhealthy(detail, remedy, **about)
    # A tenth of a very large volume is room enough.
    is_low = found.free_bytes < LOW_BYTES or (
        found.free_bytes < LOW_FRACTION * found.total_bytes and found.free_bytes < 10 * LOW_BYTES
    )
    return degraded(detail, remedy, **about) if is_low else healthy(detail, **about)


CHECK = Check(name="storage", look=look)
