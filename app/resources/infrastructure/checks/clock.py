"""The clock of this machine is right, as far as anybody else can be asked.

Asked are a database on another machine, the public address, and the kernel, which knows whether a time server
keeps its clock.
"""

import ctypes
import time
from typing import Final

from app.kit.clock import now
from app.resources.infrastructure import facts
from app.resources.infrastructure.looking import Box, Check, Finding, healthy, unhealthy, unknown
from app.resources.infrastructure.outside import FACT, Outside
from app.store.database import Scope

MOST_S: Final = 5.0  # a lease lasts 20 s, a sign-in code 30 s
FRESH_S: Final = 2 * 3600.0
_TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronized
_TIMEX_BYTES: Final = 512  # more than any architecture's struct timex; zeros mean: only ask
REMEDY: Final = "Turn on time synchronisation on the host (chrony or systemd-timesyncd)."


async def look(box: Box) -> Finding:
    """Compare with everybody who can be asked."""
    outside = (await box.see(facts.notes)).recall(FACT, Outside)
    elsewhere = {} if box.settings.database.embedded else {"the database": await _ahead_of_database_s(box)}
    if outside is not None and outside.age_s < FRESH_S and outside.value.clock_ahead_s is not None:
        elsewhere[outside.value.host] = outside.value.clock_ahead_s
    for who, ahead_s in elsewhere.items():
        if abs(ahead_s) > MOST_S:
            way = "ahead of" if ahead_s > 0 else "behind"
            return unhealthy(
                f"This machine's clock is {abs(ahead_s):.0f} s {way} {who}.",
                REMEDY,
                ahead_s=round(ahead_s, 1),
            )
    if is_kept():
        return healthy("A time server keeps this machine's clock.")
    if elsewhere:
        return healthy(f"The clock agrees with {' and '.join(elsewhere)}.")
    return unknown(
        "Nobody else could be asked what time it is, and no time server keeps this machine's clock.", REMEDY
    )


async def _ahead_of_database_s(box: Box) -> float:
    async with box.database.transaction(Scope.nobody()) as tx:
        began = time.monotonic()
        theirs = await tx.fetch_value("SELECT clock_timestamp()")
        took_s = time.monotonic() - began
    return float((now() - theirs).total_seconds() - took_s / 2)


def is_kept() -> bool:
    """Whether the kernel says that a time server keeps its clock. Changes nothing, needs no rights."""
    try:
        return int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))) not in {
            -1,
            _TIME_ERROR,
        }
    except (OSError, AttributeError):
        return False


CHECK = Check(name="clock", look=look)
