"""What the box counts: the names, their labels and what they mean. Dashboards and alerts rely on them.

Names follow the conventions of Prometheus: base units, `_total` for what only grows; no label whose values
people make up, and no id. A process counts into its `Tally` (`app.kit.tally`).
"""

from typing import Final

import msgspec

DURATIONS_S: Final = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 10.0, 60.0, 300.0, 1800.0)


class Counter(msgspec.Struct, frozen=True):
    """A count of what happened."""

    name: str
    about: str
    labels: tuple[str, ...] = ()


class Histogram(msgspec.Struct, frozen=True):
    """How long things took, in seconds."""

    name: str
    about: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = DURATIONS_S


Meter = Counter | Histogram

HTTP_REQUESTS: Final = Counter(
    "studio_http_requests_total", "Answered requests.", ("route", "method", "code")
)
HTTP_DURATION: Final = Histogram(
    "studio_http_request_duration_seconds",
    "How long answers took, to their last byte.",
    ("route",),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
INSTANCES: Final = Counter(
    "studio_instances_total", "Instances that began (created) or reached their end.", ("status",)
)
INSTANCE_DURATION: Final = Histogram(
    "studio_instance_duration_seconds", "From the start of an instance to its end.", ("status",)
)
STEPS: Final = Counter("studio_steps_total", "Steps that reached their end.", ("kind", "status"))
STEP_DURATION: Final = Histogram(
    "studio_step_duration_seconds", "From the first start of a step to its end.", ("lane",)
)
STEP_RETRIES: Final = Counter(
    "studio_step_retries_total",
    "Steps tried again: after a failure, or because their worker left.",
    ("cause",),
)
CLAIMS: Final = Counter("studio_claims_total", "Attempts leased to a worker.", ("lane",))
SWEEPS: Final = Counter("studio_sweeps_total", "Looks of the daemon at what is due.")
SWEEP_SECONDS: Final = Counter("studio_sweep_seconds_total", "Time spent on them.")
SWEEP_FAILURES: Final = Counter("studio_sweep_failures_total", "Sweeps that failed and were tried again.")
SWEEP_REPAIRS: Final = Counter(
    "studio_sweep_repairs_total", "What sweeps did: lost leases, overrun deadlines, timers, bells.", ("kind",)
)
JOB_FAILURES: Final = Counter("studio_job_failures_total", "Periodic work that failed.", ("job",))
OVERFLOWS: Final = Counter("studio_series_refused_total", "Observations of more label values than are kept.")

METERS: Final[dict[str, Meter]] = {
    meter.name: meter for meter in list(globals().values()) if isinstance(meter, Counter | Histogram)
}
