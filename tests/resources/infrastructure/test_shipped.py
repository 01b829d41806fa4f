"""The shipped alert rules and dashboards name only what /metrics shows, and Prometheus understands them."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.kit.meters import METERS, Histogram
from app.kit.settings import Settings
from app.resources.discovery import room_modules
from app.resources.infrastructure.looking import Box
from app.store.bus import connect
from app.store.database import Database
from appliance.observability import shipped
from tests.appliance.box import studio

RULES = shipped.HERE / "rules.yml"
NAME = re.compile(r"\bstudio_[a-z0-9_]+")


def expressions(path: Path) -> list[str]:
    """Every PromQL expression of a file."""
    text = path.read_text(encoding="utf-8")
    content = yaml.safe_load(text) if path.suffix == ".yml" else json.loads(text)
    return [value for key, value in pairs(content) if key in {"expr", "query"} and "studio_" in str(value)]


def pairs(content: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict):
        yield from content.items()
    for inner in (
        content.values() if isinstance(content, dict) else content if isinstance(content, list) else ()
    ):
        yield from pairs(inner)


async def names_of(settings: Settings, database: Database) -> set[str]:
    """Every name that /metrics may show, whether it has samples just now or not."""
    box = Box(settings, database, connect(settings.redis.url))
    found = {"studio_database_up"}
    for room in room_modules("metrics"):
        found |= {one.name for one in await room.gauges(box)}
    for name, meter in METERS.items():
        parts = ("_bucket", "_sum", "_count") if isinstance(meter, Histogram) else ("",)
        found |= {name + part for part in parts}
    return found


async def test_every_metric_that_is_named_exists(settings: Settings, database: Database) -> None:
    known = await names_of(settings, database)
    assert len(shipped.files()) == 4
    for path in shipped.files():
        found = expressions(path)
        assert len(found) > 5, path
        for expression in found:
            # What stands in quotes is a value of a label.
            named = set(NAME.findall(re.sub(r'"[^"]*"', '""', expression)))
            assert named, expression
            assert named <= known, f"{path.name}: {named - known} in {expression}"


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    (group,) = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    assert len({rule["alert"] for rule in group["rules"]}) == len(group["rules"]) > 15
    for rule in group["rules"]:
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["summary"] and rule["annotations"]["remedy"], rule["alert"]


@pytest.mark.parametrize("path", shipped.files()[1:], ids=lambda path: path.stem)
def test_a_dashboard_is_one_that_grafana_can_import(path: Path) -> None:
    board = json.loads(path.read_text(encoding="utf-8"))
    assert board["uid"] and board["title"] and board["schemaVersion"]
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["title"] and panel["targets"], panel
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])


def test_people_get_them_from_the_box(tmp_path: Path) -> None:
    done = studio({"PATH": "/usr/bin:/bin"}, "observability", str(tmp_path / "out"), "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == 4
    assert (tmp_path / "out" / "rules.yml").read_bytes() == RULES.read_bytes()
    assert len(list((tmp_path / "out" / "dashboards").iterdir())) == 3


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")
def test_prometheus_takes_the_rules() -> None:
    done = subprocess.run(
        ["promtool", "check", "rules", str(RULES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
