"""A box whose cluster runs with its log kept, with something in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.kit.settings import Settings
from appliance.postgres import DATABASE, Cluster
from tests.appliance.backup.things import TABLES, add, settings_in

FAST = {"fsync": "off", "synchronous_commit": "off"}  # what a power cut would lose is nothing here


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of one box for a module."""
    return settings_in(tmp_path_factory.mktemp("box"))


@pytest.fixture(scope="module")
def cluster(box: Settings) -> Iterator[Cluster]:
    """Its cluster, running, with a few things."""
    cluster = Cluster(box, FAST)
    cluster.prepare()
    cluster.start()
    cluster.run_sql(TABLES, DATABASE)
    for name in ("first", "second"):
        add(box, cluster, name)
    yield cluster
    cluster.stop()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """An empty machine."""
    return tmp_path / "new"  # short, as every name above a Unix socket
