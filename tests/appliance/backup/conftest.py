"""A box's cluster that runs, and a folder for what is taken from it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.kit.settings import Settings, load_settings
from appliance import keys, storage
from appliance.postgres import Cluster

FAST = {"fsync": "off", "synchronous_commit": "off"}  # what a power cut would lose is nothing here


def settings_in(folder: Path, **more: str) -> Settings:
    """The settings of a box in this folder, with its keys made."""
    env = {"WORKSPACE_PATH": str(folder / "ws"), "STUDIO_RUN_DIR": str(folder / "run"), **more}
    storage.prepare(load_settings(env))
    return keys.ensure(load_settings(env), env)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of one box for a module."""
    return settings_in(tmp_path_factory.mktemp("box"))


@pytest.fixture(scope="module")
def cluster(box: Settings) -> Iterator[Cluster]:
    """Its cluster, running."""
    cluster = Cluster(box, FAST)
    cluster.prepare()
    cluster.start()
    yield cluster
    cluster.stop()
