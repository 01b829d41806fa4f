"""The box watches itself: trouble that lasts is told once, and once more when it is over."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from app.kit.clock import now
from app.kit.endings import read_endings, write_endings
from app.kit.settings import Settings
from app.resources.alerts import rules, watching
from app.resources.alerts.rules import crash_loop
from app.resources.alerts.watching import Rule, Trouble, all_rules, forget_ended, of_check, watch
from app.resources.infrastructure import facts
from app.resources.infrastructure.looking import Box
from app.resources.notifications.ways import Severity
from app.store.bus import connect
from app.store.database import Database, Row, Scope
from appliance.ends import Ends


@pytest.fixture
async def box(settings: Settings, database: Database) -> Box:
    async with database.transaction(Scope.system()) as tx:
        await tx.execute("DELETE FROM box_alerts")
        await tx.execute("DELETE FROM notifications")
    return Box(settings, database, connect(settings.redis.url))


async def told(database: Database) -> list[Row]:
    async with database.transaction(Scope.system()) as tx:
        return await tx.fetch_all("SELECT severity, title, body, remedy FROM notifications ORDER BY id")


async def pass_time(database: Database, seconds: float) -> None:
    async with database.transaction(Scope.nobody()) as tx:
        await tx.execute(
            "UPDATE box_alerts SET began_at = began_at - make_interval(secs => %(s)s), "
            "well_since = well_since - make_interval(secs => %(s)s)",
            {"s": seconds},
        )


class Weather:
    """A rule that is broken while it rains."""

    def __init__(self) -> None:
        self.rains = False

    async def judge(self, _: Box) -> Trouble | None:
        return Trouble(sentence="It rains.", remedy="Take an umbrella.") if self.rains else None


@pytest.fixture
def weather(monkeypatch: pytest.MonkeyPatch) -> Weather:
    """The only rule there is."""
    found = Weather()
    rule = Rule(
        name="weather", title="Bad weather", judge=found.judge, severity=Severity.critical, holds_s=60.0
    )
    monkeypatch.setattr(watching, "all_rules", lambda: (rule,))
    return found


async def test_trouble_that_lasts_is_told_once_and_its_end_too(
    box: Box, database: Database, weather: Weather
) -> None:
    weather.rains = True
    assert await watch(box) == 0, "it may pass by itself"
    await pass_time(database, 61)
    assert await watch(box) == 1
    await pass_time(database, 600)
    assert await watch(box) == 0
    weather.rains = False
    assert await watch(box) == 0, "it may come back"
    await pass_time(database, 30)
    weather.rains = True
    assert await watch(box) == 0
    weather.rains = False
    await watch(box)
    await pass_time(database, 61)
    assert await watch(box) == 1
    assert [(row["severity"], row["title"], row["body"], row["remedy"]) for row in await told(database)] == [
        ("critical", "Bad weather", "It rains.", "Take an umbrella."),
        ("warning", "Well again: Bad weather", "This is over: It rains.", None),
    ]
    weather.rains = True
    await watch(box)
    await pass_time(database, 61)
    assert await watch(box) == 1, "new trouble is told anew"


async def test_only_what_has_long_been_over_is_forgotten(
    box: Box, database: Database, weather: Weather
) -> None:
    weather.rains = True
    await watch(box)
    weather.rains = False
    await watch(box)
    weather.rains = True
    await watch(box)
    async with database.transaction(Scope.nobody()) as tx:
        assert await forget_ended(tx, 3600.0) == 0
        await tx.execute("UPDATE box_alerts SET ended_at = ended_at - interval '2 hours'")
        assert await forget_ended(tx, 3600.0) == 1
        assert await tx.fetch_value("SELECT count(*) FROM box_alerts") == 1


async def test_trouble_that_passes_by_itself_is_nobodys(
    box: Box, database: Database, weather: Weather
) -> None:
    weather.rains = True
    await watch(box)
    weather.rains = False
    await watch(box)
    weather.rains = True
    await pass_time(database, 300)
    assert await watch(box) == 0, "it began anew just now"
    assert await told(database) == []


async def test_a_rule_that_fails_blinds_no_other_and_ends_no_alert(
    box: Box, database: Database, weather: Weather, monkeypatch: pytest.MonkeyPatch
) -> None:
    weather.rains = True
    await watch(box)

    async def fails(_: Box) -> Trouble | None:
        raise ValueError("no")

    (rule,) = watching.all_rules()
    broken = msgspec.structs.replace(rule, judge=fails)
    other = msgspec.structs.replace(rule, name="other", holds_s=0.0)
    monkeypatch.setattr(watching, "all_rules", lambda: (broken, other))
    await pass_time(database, 61)
    assert await watch(box) == 1
    monkeypatch.setattr(watching, "all_rules", lambda: (rule,))
    assert await watch(box) == 1, "it lasted all the while"


async def test_a_rule_of_a_check_is_broken_while_the_check_is_not_well(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: Box) -> facts.StorageFacts:
        return facts.StorageFacts(
            free_bytes=1,
            used_bytes=99,
            total_bytes=100,
            blobs=0,
            blobs_bytes=0,
            kinds={"files": 99},
            measured_at=None,
        )

    monkeypatch.setattr(facts, "storage_facts", full)
    trouble = await of_check("storage")(Box(box.settings, box.database, box.redis))
    assert trouble is not None and trouble.sentence and trouble.remedy
    assert await of_check("there is none of this name")(box) is None


async def test_a_program_that_ends_again_and_again_is_trouble(box: Box, tmp_path: Path) -> None:
    here = Box(msgspec.structs.replace(box.settings, run_dir=tmp_path), box.database, box.redis)
    assert await crash_loop.judge(here) is None, "no program has ended"
    ends = Ends(tmp_path)
    for _ in range(2):
        ends.dialect("2026-01-01 12:00:00,000 WARN exited: api (exit status 1; not expected)")
    assert await crash_loop.judge(here) is None
    ends.dialect("2026-01-01 12:00:00,000 WARN exited: api (terminated by SIGKILL; not expected)")
    trouble = await crash_loop.judge(here)
    assert trouble is not None and "api (3 times)" in trouble.sentence
    long_ago = now() - timedelta(minutes=11)
    write_endings(tmp_path, {"api": [long_ago, long_ago, now()]})
    assert await crash_loop.judge(here) is None
    assert len(read_endings(tmp_path)["api"]) == 3


RULE = '''
"""A rule for the test."""

from app.resources.alerts.watching import Rule, of_check

RULE = Rule(name="moon", title="The moon", judge=of_check("moon"))
'''


@pytest.fixture
def new_rule(tmp_path: Path) -> Iterator[None]:
    (tmp_path / "moon.py").write_text(RULE)
    rules.__path__.append(str(tmp_path))
    all_rules.cache_clear()
    yield
    rules.__path__.remove(str(tmp_path))
    sys.modules.pop(f"{rules.__name__}.moon", None)
    all_rules.cache_clear()


@pytest.mark.usefixtures("new_rule")
def test_a_new_rule_is_a_new_file() -> None:
    assert "moon" in {rule.name for rule in all_rules()}


def test_what_an_operator_must_hear_of_has_a_rule_of_its_own() -> None:
    names = [rule.name for rule in all_rules()]
    assert len(names) == len(set(names))
    assert {"disk", "heartbeat", "queue", "crash_loop", "gpu", "certificate", "clock"} <= set(names)
