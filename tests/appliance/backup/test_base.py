"""A base backup is whole and checked, or it is not there."""

from pathlib import Path

import pytest

from appliance.backup import base
from appliance.postgres import Cluster
from appliance.refusal import Refusal

pytestmark = pytest.mark.integration


def test_a_base_backup_is_taken_beside_the_running_cluster_and_checked(
    cluster: Cluster, tmp_path: Path
) -> None:
    seen: list[float] = []

    taken = base.take(cluster, tmp_path / "base", seen.append, is_durable=False)

    assert taken.major == cluster.major
    assert taken == base.describe(tmp_path / "base")
    assert seen[-1] == 1.0
    assert seen == sorted(seen)
    assert cluster.ready()


def test_a_changed_byte_or_a_missing_segment_is_found(cluster: Cluster, tmp_path: Path) -> None:
    base.take(cluster, tmp_path / "base", is_durable=False)
    page = tmp_path / "base" / "global" / "pg_control"
    whole = page.read_bytes()
    page.write_bytes(whole[:100] + b"!" + whole[101:])
    with pytest.raises(Refusal, match="damaged"):
        base.check(cluster, tmp_path / "base")
    page.write_bytes(whole)
    base.check(cluster, tmp_path / "base")
    # A base whose log is missing starts with “could not locate a valid checkpoint record”: not here, then.
    for segment in (tmp_path / "base" / "pg_wal").glob("0*"):
        segment.unlink()
    with pytest.raises(Refusal, match="damaged"):
        base.check(cluster, tmp_path / "base")


def test_what_was_half_copied_is_gone(cluster: Cluster, tmp_path: Path) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(_: float) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        base.take(cluster, tmp_path / "base", interrupt)

    assert not (tmp_path / "base").exists()
    base.take(cluster, tmp_path / "base", is_durable=False)
