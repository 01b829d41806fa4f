"""The clock of this machine is wrong."""

from app.resources.alerts.watching import Rule, of_check
from app.resources.notifications.ways import Severity

RULE = Rule(
    name="clock", title="The clock is wrong", judge=of_check("clock"), severity=Severity.warning, holds_s=0.0
)
