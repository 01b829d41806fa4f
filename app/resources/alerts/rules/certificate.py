"""The certificate of the public address runs out, or is not good."""

from app.resources.alerts.watching import Rule, of_check
from app.resources.notifications.ways import Severity

RULE = Rule(
    name="certificate",
    title="The certificate",
    judge=of_check("certificate"),
    severity=Severity.warning,
    holds_s=0.0,
)
