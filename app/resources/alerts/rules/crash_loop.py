"""A program of this box ends again and again. When it goes on, the watchdog ends the box."""

from datetime import timedelta
from typing import Final

from app.flow.wording import listing
from app.kit.clock import now
from app.kit.endings import read_endings
from app.resources.alerts.watching import Rule, Trouble
from app.resources.infrastructure.looking import Box
from app.resources.notifications.ways import Severity

WITHIN: Final = timedelta(minutes=10)
OFTEN: Final = 3


async def judge(box: Box) -> Trouble | None:
    """Count the ends of each program, as the boot wrote them down."""
    since = now() - WITHIN
    often = sorted(
        f"{program} ({len(recent)} times)"
        for program, moments in read_endings(box.settings.run_dir).items()
        if len(recent := [one for one in moments if one > since]) >= OFTEN
    )
    if not often:
        return None
    return Trouble(
        sentence=f"Ended within the last ten minutes: {listing(often)}.",
        remedy="Its last lines say why: studio logs --program NAME, or the Logs page.",
    )


RULE = Rule(
    name="crash_loop",
    title="A program ends again and again",
    judge=judge,
    severity=Severity.critical,
    holds_s=0.0,
)
