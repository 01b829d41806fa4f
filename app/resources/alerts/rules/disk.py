"""Room on the volume runs out."""

from app.resources.alerts.watching import Rule, of_check
from app.resources.notifications.ways import Severity

RULE = Rule(
    name="disk",
    title="The volume fills up",
    judge=of_check("storage"),
    severity=Severity.critical,
    holds_s=60.0,
)
