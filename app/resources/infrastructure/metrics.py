"""What is measured of the box at a scrape: the facts of the health page, as numbers."""

from collections.abc import Iterable
from typing import Final

from app.resources.exposition import Gauge, gauge
from app.resources.infrastructure import facts
from app.resources.infrastructure.backups import backup_facts
from app.resources.infrastructure.facts import LaneFacts, WorkerFacts
from app.resources.infrastructure.looking import SILENT, Box, all_checks, look_around

STATES: Final = ("healthy", "degraded", "unhealthy", "unknown")


async def gauges(box: Box) -> Iterable[Gauge]:
    """Everything that can be told now. Raises DatabaseUnavailable."""
    return [
        *await _of_versions(box),
        *await _of_checks(box),
        *await _of_database(box),
        *await _of_redis(box),
        *await _of_storage(box),
        *_of_lanes(await box.see(facts.lane_facts)),
        *_of_workers(await box.see(facts.worker_facts), len(await box.see(facts.missing_workers))),
        *await _of_backups(box),
        await _of_instances(box),
    ]


async def _of_versions(box: Box) -> list[Gauge]:
    found, database = await box.see(facts.versions), await box.see(facts.database_facts)
    labels = {"version": found.studio, "schema": database.schema, "postgres": found.postgres}
    return [gauge("studio_build_info", "Which programs these are; always 1.", 1.0, **labels)]


async def _of_checks(box: Box) -> list[Gauge]:
    found = await look_around(box, {one.name: one.look for one in all_checks()})
    samples = [
        ({"check": name, "status": state}, float(finding.status == state))
        for name, finding in sorted(found.items())
        for state in STATES
    ]
    return [Gauge(name="studio_check_status", about="1 for the status a check has found.", samples=samples)]


async def _of_database(box: Box) -> list[Gauge]:
    found = await box.see(facts.database_facts)
    return [
        gauge("studio_database_size_bytes", "Of the database.", found.size_bytes),
        gauge("studio_database_wal_bytes", "Of its log of changes on disk.", found.wal_bytes),
        gauge("studio_database_connections", "Open connections.", found.connections),
        gauge("studio_database_connections_max", "How many there may be.", found.connections_max),
        gauge(
            "studio_database_oldest_transaction_seconds",
            "How long the oldest transaction has been open.",
            found.oldest_transaction_s,
        ),
    ]


async def _of_redis(box: Box) -> list[Gauge]:
    try:
        found = await box.see(facts.redis_facts)
    except SILENT:
        return [gauge("studio_redis_up", "Whether Redis answers.", 0.0)]
    return [
        gauge("studio_redis_up", "Whether Redis answers.", 1.0),
        gauge("studio_redis_memory_used_bytes", "Memory Redis uses.", found.memory_used_bytes),
        gauge("studio_redis_memory_max_bytes", "Memory it may use.", found.memory_max_bytes),
        gauge("studio_redis_clients", "Connections to Redis.", found.clients),
        Gauge(
            name="studio_redis_evicted_keys_total",
            about="Keys thrown away for want of memory.",
            samples=[({}, found.evicted_keys)],
            only_grows=True,
        ),
    ]


async def _of_storage(box: Box) -> list[Gauge]:
    found = await box.see(facts.storage_facts)
    kinds = [({"kind": kind}, float(size)) for kind, size in sorted(found.kinds.items())]
    return [
        gauge("studio_storage_free_bytes", "Room left on the volume.", found.free_bytes),
        gauge("studio_storage_total_bytes", "Room of the volume.", found.total_bytes),
        Gauge(name="studio_storage_used_bytes", about="Room taken, by kind.", samples=kinds),
        gauge("studio_storage_files", "Stored files, each content once.", found.blobs),
    ]


def _of_lanes(lanes: list[LaneFacts]) -> list[Gauge]:
    def of(name: str, about: str, values: dict[str, float]) -> Gauge:
        return Gauge(name=name, about=about, samples=[({"lane": lane}, one) for lane, one in values.items()])

    return [
        of("studio_lane_queued", "Steps that wait for a worker.", {one.lane: one.queued for one in lanes}),
        of("studio_lane_leased", "Steps that a worker holds.", {one.lane: one.leased for one in lanes}),
        of("studio_lane_slots", "Steps that workers can run.", {one.lane: one.slots for one in lanes}),
        of("studio_lane_workers", "Workers of the lane.", {one.lane: one.workers for one in lanes}),
        of(
            "studio_lane_oldest_wait_seconds",
            "How long the first of those that wait has waited.",
            {one.lane: one.oldest_wait_s or 0.0 for one in lanes},
        ),
    ]


def _of_workers(workers: list[WorkerFacts], missing: int) -> list[Gauge]:
    def each(name: str, about: str, values: list[tuple[str, float | None]]) -> Gauge:
        samples = [({"worker": worker}, value) for worker, value in values if value is not None]
        return Gauge(name=name, about=about, samples=samples)

    # Several workers of one host see the same cards.
    cards = {(one.host, card.index): card for one in workers if one.is_alive for card in one.gpus}

    def card(name: str, about: str, values: dict[tuple[str, int], float | None]) -> Gauge:
        samples = [
            ({"host": host, "gpu": str(index)}, value)
            for (host, index), value in sorted(values.items())
            if value is not None  # some cards do not tell, which is not 0
        ]
        return Gauge(name=name, about=about, samples=samples)

    return [
        each(
            "studio_worker_up",
            "Whether a registered worker is heard of.",
            [(one.name, float(one.is_alive)) for one in workers],
        ),
        each(
            "studio_worker_memory_used_bytes",
            "Memory of a worker and its children.",
            [(one.name, one.memory_used_bytes) for one in workers],
        ),
        gauge("studio_workers_missing", "Workers that went silent and did not come back.", missing),
        gauge(
            "studio_gpus_missing", "Cards that do not answer any more.", sum(w.gpus_missing for w in workers)
        ),
        card(
            "studio_gpu_memory_used_bytes",
            "Memory of a card in use.",
            {key: one.memory_used_bytes for key, one in cards.items()},
        ),
        card(
            "studio_gpu_memory_total_bytes",
            "Memory of a card.",
            {key: one.memory_total_bytes for key, one in cards.items()},
        ),
        card(
            "studio_gpu_utilization_ratio",
            "How busy a card is, 0 to 1.",
            {
                key: None if one.utilization_percent is None else one.utilization_percent / 100
                for key, one in cards.items()
            },
        ),
        card(
            "studio_gpu_temperature_celsius",
            "How warm a card is.",
            {key: one.temperature_c for key, one in cards.items()},
        ),
    ]


async def _of_backups(box: Box) -> list[Gauge]:
    found = await box.see(backup_facts)
    made, proved, drill = found.status.last_good_at, found.status.last_proved_at, found.last_drill
    return [
        gauge(
            "studio_backup_last_success_timestamp_seconds",
            "When the newest backup was whole.",
            made.timestamp() if made else None,
        ),
        gauge(
            "studio_backup_last_proved_timestamp_seconds",
            "When a backup was last restored and found right.",
            proved.timestamp() if proved else None,
        ),
        gauge(
            "studio_restore_drill_seconds",
            "How long the last drill took until its database answered.",
            drill.restore_s if drill else None,
        ),
        gauge("studio_backup_repository_bytes", "Room of the repository.", found.status.repository_bytes),
    ]


async def _of_instances(box: Box) -> Gauge:
    found = (await box.see(facts.at_work)).instances
    return Gauge(
        name="studio_instances_open",
        about="Instances that have not ended.",
        samples=[({"status": status}, found.get(status, 0)) for status in ("pending", "running", "waiting")],
    )
