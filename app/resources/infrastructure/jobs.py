"""What the daemon finds out about the box for those who look at it."""

from app.resources.infrastructure.heart import beat
from app.resources.infrastructure.outside import look_outside
from app.resources.infrastructure.survey import measure
from app.resources.periodic import Job

JOBS = (
    Job(name="daemon heard of", every_s=15.0, run=beat),
    Job(name="volume measured", every_s=300.0, run=measure),
    Job(name="public address called", every_s=1800.0, run=look_outside),
)
