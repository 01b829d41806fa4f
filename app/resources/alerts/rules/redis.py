"""Redis is away, or throws keys away."""

from app.resources.alerts.watching import Rule, of_check
from app.resources.notifications.ways import Severity

RULE = Rule(
    name="redis", title="Redis wants a look", judge=of_check("redis"), severity=Severity.warning, holds_s=60.0
)
