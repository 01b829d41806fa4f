"""What the daemon finds out about the box for those who look at it."""

from app.resources.infrastructure.heart import beat
from app.resources.infrastructure.outside import look_outside
from app.resources.infrastructure.survey import measure
from app.resources.periodic import Job, Parts
from app.store.counts import HAND_IN_S, hand_in


async def count_up(parts: Parts) -> int:
    """Add what the daemon counts to what the other processes do."""
    await hand_in(parts.bus.redis, parts.tally)
    return 0


JOBS = (
    Job(name="counts handed in", every_s=HAND_IN_S, run=count_up),
    Job(name="daemon heard of", every_s=15.0, run=beat),
    Job(name="volume measured", every_s=300.0, run=measure),
    Job(name="public address called", every_s=1800.0, run=look_outside),
)
