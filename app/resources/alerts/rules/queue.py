"""Steps wait for too long, or nobody serves their lane."""

from app.resources.alerts.watching import Rule, of_check
from app.resources.notifications.ways import Severity

RULE = Rule(
    name="queue", title="Steps wait", judge=of_check("lanes"), severity=Severity.warning, holds_s=120.0
)
