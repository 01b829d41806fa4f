"""Which alerts stand now, for Prometheus."""

from collections.abc import Iterable

from app.resources.alerts.watching import all_rules
from app.resources.exposition import Gauge
from app.resources.infrastructure.looking import Box
from app.store.database import Scope


async def gauges(box: Box) -> Iterable[Gauge]:
    """1 for every rule whose trouble has been told and lasts. Raises DatabaseUnavailable."""
    async with box.database.transaction(Scope.nobody()) as tx:
        rows = await tx.fetch_all(
            "SELECT rule FROM box_alerts WHERE ended_at IS NULL AND told_at IS NOT NULL"
        )
    standing = {row["rule"] for row in rows}
    samples = [({"rule": rule.name}, float(rule.name in standing)) for rule in all_rules()]
    return [
        Gauge(name="studio_alert_standing", about="1 while this alert of the box stands.", samples=samples)
    ]
