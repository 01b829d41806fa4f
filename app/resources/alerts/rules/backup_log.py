"""The log that leads on from the last backup is not kept."""

from app.resources.alerts.watching import Rule, of_check
from app.resources.notifications.ways import Severity

RULE = Rule(
    name="backup_log",
    title="The database's log is not kept",
    judge=of_check("backup_log"),
    severity=Severity.warning,
    holds_s=300.0,
)
