"""Redis answers."""

from typing import cast

from redis import Redis
from redis.exceptions import RedisError

from appliance.doctor.finding import Finding, Patient, ill, unknown, watch, well


def look(patient: Patient) -> Finding:
    """PING, and whether it has begun to throw keys away."""
    settings = patient.settings
    if settings.redis.embedded and not patient.is_up:
        return unknown("The box does not run.", "Start it, then ask again.")
    with Redis.from_url(settings.redis.url, socket_timeout=5, socket_connect_timeout=5) as client:
        try:
            client.ping()
            evicted = int(cast(dict[str, int], client.info("stats"))["evicted_keys"])
        except (RedisError, OSError) as exc:
            return ill(f"It does not answer: {exc}.", "See what `studio logs --program redis` says last.")
    if evicted:
        return watch(f"It has thrown {evicted:,} keys away for want of memory.", "Give it more memory.")
    return well("It answers and has thrown nothing away.")
