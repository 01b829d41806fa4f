"""A worker is not heard of any more."""

from app.resources.alerts.watching import Rule, of_check
from app.resources.notifications.ways import Severity

RULE = Rule(
    name="heartbeat",
    title="A worker is missing",
    judge=of_check("workers"),
    severity=Severity.warning,
    holds_s=60.0,
)
