"""/metrics: true numbers under known names, for this machine or a token, added up over all processes."""

import asyncio
from collections.abc import Mapping

import httpx
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from app.kit import meters
from app.kit.meters import Counter, Histogram
from app.kit.settings import Settings
from app.kit.tally import MOST_SERIES, Tally
from app.resources.exposition import render
from app.server.application import create_app
from app.store import counts
from app.store.bus import connect
from app.store.database import Database
from tests.asking import begin
from tests.lifespan import running
from tests.people import People, gathering, problem

LOCAL = "127.0.0.1"
TOKEN = "a-token-for-the-metrics"


def read(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample of the page, by the judgement of Prometheus' own parser."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name, frozenset(sample.labels.items())] = sample.value
    return found


def value_of(text: str, name: str, labels: Mapping[str, str] | None = None) -> float | None:
    return read(text).get((name, frozenset((labels or {}).items())))


@pytest.fixture
async def redis(settings: Settings) -> Redis:
    """The session's Redis, with no counts in it."""
    client = connect(settings.redis.url)
    await client.delete(counts.PLACE)
    return client


async def scrape(client: httpx.AsyncClient) -> str:
    answer = await client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return answer.text


async def test_what_happens_in_the_box_is_counted(people: People, redis: Redis) -> None:
    person, collector = await people.member(), people.stranger(address=LOCAL)
    before = await scrape(collector)
    await begin(person.client, {"id": "a", "type": "core.set", "with": {"value": 1}})
    await person.client.get("/api/v1/nothing")
    after = await scrape(collector)

    def grown(name: str, **labels: str) -> float:
        return (value_of(after, name, labels) or 0) - (value_of(before, name, labels) or 0)

    assert grown("studio_instances_total", status="created") == 1
    assert grown("studio_instances_total", status="completed") == 1
    assert grown("studio_steps_total", kind="core.set", status="completed") == 1
    assert grown("studio_http_requests_total", route="/api/v1/instances", method="POST", code="201") == 1
    assert grown("studio_http_requests_total", route="none", method="GET", code="404") == 1
    assert grown("studio_http_request_duration_seconds_count", route="/api/v1/instances") == 1


async def test_what_is_measured_is_there_under_its_name(people: People, redis: Redis) -> None:
    text = await scrape(people.stranger(address=LOCAL))
    assert value_of(text, "studio_database_up") == value_of(text, "studio_redis_up") == 1
    for name in ("studio_database_size_bytes", "studio_storage_free_bytes", "studio_redis_memory_used_bytes"):
        assert (value_of(text, name) or 0) > 0, name
    assert value_of(text, "studio_lane_queued", {"lane": "cpu"}) is not None
    checks = {dict(labels)["check"] for name, labels in read(text) if name == "studio_check_status"}
    assert {"database", "workers", "storage", "daemon"} <= checks


async def test_an_address_with_an_id_in_it_is_counted_under_its_pattern(people: People, redis: Redis) -> None:
    person = await people.member()
    started = await begin(person.client, {"id": "a", "type": "core.set", "with": {"value": 1}})
    await person.client.get(f"/api/v1/instances/{started['id']}")
    text = await scrape(people.stranger(address=LOCAL))
    assert started["id"] not in text
    assert "/api/v1/instances/{instance_id}" in text


async def test_several_processes_add_up_and_none_takes_its_count_with_it(redis: Redis) -> None:
    meter, tallies = meters.INSTANCES, [Tally(), Tally()]
    for tally in tallies:
        # Under names that nothing else in this session is counted under.
        tally.count(meter, "twins", by=3)
        tally.observe(meters.STEP_DURATION, 0.3, "twins")
    assert all([await counts.hand_in(redis, tally) for tally in tallies])
    assert await counts.hand_in(redis, tallies[0]), "nothing new, nothing twice"
    text = render([], await counts.sums(redis))
    assert value_of(text, meter.name, {"status": "twins"}) == 6
    assert value_of(text, "studio_step_duration_seconds_bucket", {"lane": "twins", "le": "0.5"}) == 2
    assert value_of(text, "studio_step_duration_seconds_bucket", {"lane": "twins", "le": "0.1"}) == 0
    assert value_of(text, "studio_step_duration_seconds_sum", {"lane": "twins"}) == pytest.approx(0.6)


async def test_a_process_that_ends_leaves_its_counts_behind(
    settings: Settings, database: Database, redis: Redis
) -> None:
    app = create_app(settings)
    async with running(app), gathering(app, database, settings) as people:
        await people.stranger().request("BREW", "/livez")  # as no other test does
    labels = {"route": "none", "method": "other", "code": "405"}
    assert value_of(render([], await counts.sums(redis)), "studio_http_requests_total", labels) == 1


async def test_counts_wait_while_redis_is_away(redis: Redis) -> None:
    tally = Tally()
    tally.count(meters.SWEEPS)
    assert not await counts.hand_in(connect("unix:///nowhere/redis.sock"), tally)
    tally.count(meters.SWEEPS)
    assert await counts.hand_in(redis, tally)
    assert value_of(render([], await counts.sums(redis)), "studio_sweeps_total") == 2


async def test_a_label_that_grows_without_end_is_bounded() -> None:
    tally = Tally()
    for number in range(MOST_SERIES + 50):
        tally.count(meters.INSTANCES, f"made-up-{number}")
    assert len(tally.take()) == MOST_SERIES + 1, "and one that says how many were refused"


async def test_metrics_are_for_this_machine_and_for_who_knows_the_token(
    settings: Settings, database: Database
) -> None:
    app = create_app(msgspec.structs.replace(settings, metrics_token=TOKEN))
    async with running(app), gathering(app, database, settings) as people:
        assert (await people.stranger(address=LOCAL).get("/metrics")).status_code == 200
        assert (await people.stranger(address="::1").get("/metrics")).status_code == 200
        refused = problem(await people.stranger().get("/metrics"), 401)
        assert "STUDIO_METRICS_TOKEN" in refused["remedy"]
        through_a_tunnel = people.stranger({"cf-connecting-ip": "203.0.113.9"}, address=LOCAL)
        problem(await through_a_tunnel.get("/metrics"), 401)
        knows = people.stranger({"authorization": f"Bearer {TOKEN}"})
        assert (await knows.get("/metrics")).status_code == 200
        guesses = people.stranger({"authorization": "Bearer a-token-of-somebody-else"}, address=LOCAL)
        problem(await guesses.get("/metrics"), 401)


async def test_without_its_database_the_box_still_tells_that(settings: Settings, database: Database) -> None:
    nowhere = "postgresql://studio_app:x@/studio?host=%2Fnowhere"
    lost = msgspec.structs.replace(
        settings, database=msgspec.structs.replace(settings.database, app_url=nowhere)
    )
    app = create_app(lost)
    async with running(app), gathering(app, database, lost) as people:
        text = await scrape(people.stranger(address=LOCAL))
    assert value_of(text, "studio_database_up") == 0
    assert value_of(text, "studio_redis_up") in {1, None}


async def test_without_redis_the_box_still_measures(settings: Settings, database: Database) -> None:
    lost = msgspec.structs.replace(
        settings, redis=msgspec.structs.replace(settings.redis, url="unix:///nowhere/redis.sock")
    )
    app = create_app(lost)
    async with running(app), gathering(app, database, lost) as people:
        text = await scrape(people.stranger(address=LOCAL))
    assert value_of(text, "studio_redis_up") == 0
    assert value_of(text, "studio_database_up") == 1


async def test_scrapes_at_the_same_time_count_nothing_twice(people: People, redis: Redis) -> None:
    person, collectors = await people.member(), [people.stranger(address=LOCAL) for _ in range(4)]
    before = value_of(await scrape(collectors[0]), "studio_instances_total", {"status": "completed"}) or 0
    await begin(person.client, {"id": "a", "type": "core.set", "with": {"value": 1}})
    await asyncio.gather(*(scrape(one) for one in collectors))
    text = await scrape(collectors[0])
    assert value_of(text, "studio_instances_total", {"status": "completed"}) == before + 1


def test_names_are_as_prometheus_wants_them() -> None:
    assert len(meters.METERS) > 10
    for name, meter in meters.METERS.items():
        assert name.startswith("studio_")
        match meter:
            case Counter():
                assert name.endswith("_total"), name
            case Histogram():
                assert name.endswith("_seconds") and list(meter.bounds) == sorted(meter.bounds), name


def test_what_people_write_cannot_break_a_line() -> None:
    tally = Tally()
    tally.count(meters.JOB_FAILURES, 'a "b" \\ c\nd')
    text = render([], tally.take())
    assert value_of(text, "studio_job_failures_total", {"job": 'a "b" \\ c\nd'}) == 1
