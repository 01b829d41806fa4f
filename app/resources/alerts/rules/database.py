"""The database is crowded, or a transaction has been open for long."""

from app.resources.alerts.watching import Rule, of_check
from app.resources.notifications.ways import Severity

RULE = Rule(
    name="database",
    title="The database wants a look",
    judge=of_check("database"),
    severity=Severity.warning,
    holds_s=120.0,
)
