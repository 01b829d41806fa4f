"""Postgres answers, has room for more, and nobody holds a transaction open for long."""

from typing import Final

from app.flow.wording import size
from app.kit.errors import Unavailable
from app.kit.volume import Watch
from app.resources.infrastructure import facts
from app.resources.infrastructure.looking import Box, Check, Finding, degraded, healthy, unhealthy

CROWDED: Final = 0.9  # of its connections; the rest is kept for whoever mends it
LONG_S: Final = 900.0  # a transaction this old keeps dead rows from being cleared away


AWAY: Final = unhealthy(
    "The database does not answer.",
    "See the log of studio-postgres; with DATABASE_URL, whether that server can be reached.",
)


def away(box: Box) -> Finding:
    """That it does not answer, and why if the volume is the reason."""
    trouble = Watch(box.settings.run_dir).trouble if box.settings.database.embedded else None
    return unhealthy(f"{AWAY.detail} {trouble.sentence}", trouble.remedy) if trouble else AWAY


async def probe(box: Box) -> Finding:
    """Whether it answers: without it nothing works."""
    try:
        await facts.ask_database(box)
    except Unavailable:
        return away(box)
    return healthy("The database answers.")


async def look(box: Box) -> Finding:
    """Ask it, and judge what it says of itself."""
    try:
        found = await box.see(facts.database_facts)
    except Unavailable:
        return away(box)
    about = {
        "connections": found.connections,
        "size_bytes": found.size_bytes,
        "oldest_transaction_s": round(found.oldest_transaction_s, 1),
        "wal_bytes": found.wal_bytes,
    }
    if found.connections > CROWDED * found.connections_max:
        return degraded(
            f"{found.connections} of {found.connections_max} connections are taken.",
            "End what holds them, or raise max_connections of a Postgres of your own.",
            **about,
        )
    if found.oldest_transaction_s > LONG_S:
        minutes = found.oldest_transaction_s / 60
        return degraded(
            f"A transaction has been open for {minutes:.0f} minutes, and nothing it may see is cleared away.",
            "Find it in pg_stat_activity (column xact_start) and end it with pg_terminate_backend.",
            **about,
        )
    return healthy(
        f"Postgres {found.version}, {size(found.size_bytes)}, "
        f"{found.connections} of {found.connections_max} connections.",
        **about,
    )


CHECK = Check(name="database", look=look, probe=probe, closes_the_door=True)
