"""A graphics card does not answer any more."""

from app.resources.alerts.watching import Rule, of_check
from app.resources.notifications.ways import Severity

RULE = Rule(
    name="gpu",
    title="A graphics card is gone",
    judge=of_check("gpus"),
    severity=Severity.critical,
    holds_s=30.0,
)
