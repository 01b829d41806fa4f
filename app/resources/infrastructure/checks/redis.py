"""Redis answers and forgets nothing on its own. Without it steps still run, only later."""

from typing import Final

from app.flow.wording import count, size
from app.resources.infrastructure import facts
from app.resources.infrastructure.looking import SILENT, Box, Check, Finding, degraded, healthy

AWAY: Final = degraded(
    "Redis does not answer; steps still run, only later.",
    "See the log of studio-redis; with REDIS_URL, whether that server can be reached and takes this login.",
)


async def probe(box: Box) -> Finding:
    """Whether it answers."""
    try:
        await facts.ask_redis(box)
    except SILENT:
        return AWAY
    return healthy("Redis answers.")


async def look(box: Box) -> Finding:
    """Ask it, and judge what it says of itself."""
    try:
        found = await box.see(facts.redis_facts)
    except SILENT:
        return AWAY
    about = {"memory_used_bytes": found.memory_used_bytes, "evicted_keys": found.evicted_keys}
    if found.evicted_keys:
        return degraded(
            f"Redis has thrown away {found.evicted_keys:,} keys for want of memory; bells may be late.",
            "Give it more memory (maxmemory), and set maxmemory-policy to noeviction.",
            **about,
        )
    return healthy(
        f"Redis {found.version}, {size(found.memory_used_bytes)}, {count(found.clients, 'client')}.", **about
    )


CHECK = Check(name="redis", look=look, probe=probe)
