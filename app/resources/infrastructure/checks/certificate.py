"""The certificate of the public address is good for a while yet. Without an https address: nothing to do."""

from datetime import timedelta
from typing import Final

from app.kit.clock import now
from app.resources.infrastructure import facts
from app.resources.infrastructure.looking import Box, Check, Finding, degraded, healthy, unhealthy, unknown
from app.resources.infrastructure.outside import FACT, Outside, place_of

SOON: Final = timedelta(days=14)
STALE_S: Final = 2 * 3600.0  # the daemon calls every half hour
RENEW: Final = "Renew it where it is kept: the proxy or tunnel in front of this box."


async def look(box: Box) -> Finding | None:
    """Judge what the daemon's last call of the public address told."""
    place = place_of(box.settings)
    if place is None:
        return None
    host = place[0]
    known = (await box.see(facts.notes)).recall(FACT, Outside)
    if known is None or known.value.host != host or known.age_s > STALE_S:
        return unknown(
            f"Nobody has called {host} lately.", "The daemon calls it every half hour; see that it runs."
        )
    found = known.value
    if found.is_refused:
        return unhealthy(f"The certificate of {host} is not good: {found.fault}.", RENEW)
    if found.expires_at is None:
        return unknown(
            f"{host} could not be called from this box: {found.fault}.",
            "See that PUBLIC_URL is right, and that this box may reach it.",
        )
    left = found.expires_at - now()
    detail = f"The certificate of {host} is good until {found.expires_at:%d %B %Y}."
    if left < timedelta(0):
        return unhealthy(f"The certificate of {host} ran out on {found.expires_at:%d %B %Y}.", RENEW)
    return degraded(detail, RENEW) if left < SOON else healthy(detail, days_left=left.days)


CHECK = Check(name="certificate", look=look)
